"""The network's constants, shared by training in PyTorch and reading in NumPy. Imports nothing heavy."""

CLASSES = 10
SIDE = 28  # pixels
MEAN, STD = 0.1307, 0.3081  # mean and deviation of the pixels of MNIST's training images, scaled to 0 … 1
HIDDEN = 1024  # units of fc1
SHAPES = {  # shapes of the weights and biases, named and laid out as in a PyTorch state_dict
    "conv1.weight": (25, 1, 12, 12),
    "conv1.bias": (25,),
    "conv2.weight": (64, 25, 5, 5),
    "conv2.bias": (64,),
    "fc1.weight": (HIDDEN, 64 * 4 * 4),
    "fc1.bias": (HIDDEN,),
    "fc2.weight": (CLASSES, HIDDEN),
    "fc2.bias": (CLASSES,),
}
