"""The network in PyTorch: its layers, the devices and processes it runs on, and inference."""
