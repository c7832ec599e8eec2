"""The parts of the head's bottleneck, as the paper's Figure 12 switches them on and off.

    weight norm / layer / feature norm / weight norm / layer / feature norm

`lb` is a linear layer with a bias, `l` one without, `-` none: the width before it passes on. `wn`: the rows
of that layer's weight have norm 1; `fn`: its output has norm 1. The paper's head is `-/lb/fn/wn/l/-`; its
authors ran `-/lb/fn/-/l/-`.
"""

from dataclasses import dataclass, replace

from randteach.config.schema import Head
from randteach.errors import UserError

FIELDS = (("-", "wn"), ("-", "l", "lb"), ("-", "fn")) * 2


@dataclass(frozen=True)
class Layer:
    """A linear layer, if there is one, and what is normalised of it."""

    weight_norm: bool
    linear: str  # "lb", "l" or "-"
    feature_norm: bool

    @property
    def there(self) -> bool:
        """Whether there is a layer."""
        return self.linear != "-"


def spelled(head: Head) -> str:
    """A head's bottleneck in six fields."""
    return head.bottleneck or f"-/lb/fn/{'wn' if head.weight_norm else '-'}/l/-"


def parts(head: Head) -> tuple[Layer, Layer]:
    """The bottleneck's two layers; UserError for a spelling that means nothing."""
    text = spelled(head)
    fields = text.split("/")
    if len(fields) != len(FIELDS) or any(one not in of for one, of in zip(fields, FIELDS, strict=True)):
        allowed = "/".join("|".join(of) for of in FIELDS)
        raise UserError(f"head.bottleneck={text}: takes six fields, {allowed}, as in -/lb/fn/-/l/-")
    layers = [Layer(wn == "wn", linear, fn == "fn") for wn, linear, fn in (fields[:3], fields[3:])]
    if any(layer.weight_norm and not layer.there for layer in layers):
        raise UserError(
            f"head.bottleneck={text}: wn has no layer whose weight it could normalise; give - there"
        )
    return layers[0], layers[1]


def filled(head: Head, embedding: int, typed: frozenset[str]) -> Head:
    """A head with its bottleneck spelled out and the widths that follow from it.

    Without a first layer the bottleneck is as wide as what is before it, without a last one so are the
    outputs. UserError where a typed setting says otherwise.
    """
    first, last = parts(head)
    if "head.weight_norm" in typed and head.weight_norm != last.weight_norm:
        given = f"head.weight_norm={str(head.weight_norm).lower()}"
        raise UserError(f"{given}: head.bottleneck={head.bottleneck} says otherwise; leave it out")
    before = head.hidden_dims[-1] if head.hidden_dims else embedding
    width = head.bottleneck_dim if first.there else before
    if "head.out_dim" in typed and not last.there and head.out_dim != width:
        raise UserError(
            f"head.out_dim={head.out_dim}: head.bottleneck={head.bottleneck} has no last layer, and so the "
            f"{width} units before it are the outputs; give {width}, or leave it out"
        )
    out = head.out_dim if last.there else width
    text = spelled(head)
    return replace(head, bottleneck=text, weight_norm=last.weight_norm, bottleneck_dim=width, out_dim=out)


def recorded(head: Head) -> Head:
    """A head as records have it: without a bottleneck that `weight_norm` says."""
    own = Head(**vars(head))
    usual = spelled(replace(own, bottleneck=None))
    return replace(own, bottleneck=None) if own.bottleneck == usual else own
