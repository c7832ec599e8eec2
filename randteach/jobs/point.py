"""A resolved point: a configuration without nulls, in which every size, seed and length is known."""

from dataclasses import dataclass

from randteach.config import downstream, schema


@dataclass(kw_only=True)
class Seeds(schema.Seeds):
    """Seeds of the single sources of randomness."""

    teacher: int
    student: int
    order: int
    augment: int
    train: int
    noise: int


@dataclass(kw_only=True)
class Net(schema.Net):
    """The encoder."""

    arch: str
    width: int
    norm: str


@dataclass(kw_only=True)
class Head(schema.Head):
    """The projection head."""

    bottleneck: str


@dataclass(kw_only=True)
class Data(schema.Data):
    """The inputs that the student learns from."""

    size: int
    channels: int
    train_size: int
    like: str


@dataclass(kw_only=True)
class Probe(schema.Probe):
    """How features are judged."""

    data: str
    train_size: int
    test_size: int


@dataclass(kw_only=True)
class Tickets(downstream.Tickets):
    """Lottery tickets, and which students have them."""

    at: list[int]
    alphas: list[float]


@dataclass(kw_only=True)
class Connect(downstream.Connect):
    """Mode connectivity, and which students have children."""

    train_size: int
    test_size: int
    at: list[int]
    alphas: list[float]


@dataclass(kw_only=True)
class Plane(downstream.Plane):
    """Losses on a plane."""

    train_size: int
    test_size: int


@dataclass(kw_only=True)
class Point(schema.Config):
    """One point of a study, resolved."""

    seeds: Seeds
    net: Net
    head: Head
    data: Data
    probe: Probe
    tickets: Tickets
    connect: Connect
    plane: Plane


SECTIONS: dict[str, type] = {
    "seeds": Seeds,
    "net": Net,
    "head": Head,
    "data": Data,
    "probe": Probe,
    "tickets": Tickets,
    "connect": Connect,
    "plane": Plane,
}


def point(config: schema.Config) -> Point:
    """A configuration of which all nulls have been filled in."""
    own = {name: kind(**vars(getattr(config, name))) for name, kind in SECTIONS.items()}
    return Point(**vars(config) | own)
