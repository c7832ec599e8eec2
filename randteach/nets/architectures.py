"""The networks that there are, by name."""

from dataclasses import replace

from loaders.catalogue import Catalogue
from randteach.config.schema import Net
from randteach.nets.architecture import Architecture
from randteach.nets.families import plain, resnet, vgg, vit

ARCHITECTURES: Catalogue[Architecture] = Catalogue(
    "network", [*resnet.RESNETS, *vgg.VGGS, *vit.VITS, plain.MLP, plain.CONVNET]
)


def find(net: Net) -> Architecture:
    """The declaration of a network; UserError where there is none."""
    return ARCHITECTURES.find(net.arch, "net.arch")


def filled(net: Net) -> Net:
    """A network with its own width and norm layers where none are given."""
    own = find(net)
    return replace(net, width=net.width or own.width, norm=net.norm or own.norms[0])


def recorded(net: Net) -> Net:
    """A network as records have it: with a width, and without the norm layers that are its own."""
    own = find(net)
    norm = None if net.norm == own.norms[0] else net.norm
    return Net(net.arch, net.width or own.width, norm)
