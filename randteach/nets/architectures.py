"""The networks that there are, by name."""

from loaders.catalogue import Catalogue
from randteach.nets.architecture import Architecture
from randteach.nets.families import resnet, vgg

ARCHITECTURES: Catalogue[Architecture] = Catalogue("network", [resnet.RESNET18, vgg.VGG11])
