"""What the paper claims, claim by claim: what is compared with what, and the rule of its verdict.

The list is written before the numbers are. A claim names all its measures, those too that speak against the
paper's reading of its own.
"""

from functools import partial

from randteach.report import connect, printed, sides
from randteach.report.claim import MEASURES, STARTED, Claim
from randteach.report.sides import FEW, MANY
from randteach.report.verdicts import Alike, Greater

ALIKE = NO_BARRIER = 2.0  # points
NOT_PRINTED = "no numbers printed"


SIMILAR = dict.fromkeys(MEASURES[:1], "“very similar for all alpha in [0, 0.6]”; " + NOT_PRINTED)
DRAWN = dict.fromkeys(MEASURES[:1], NOT_PRINTED)
MODES = tuple(connect.BN)
UNLIKE_BATCH = ("instance", "group", "layer", "none")

CLAIMS = (
    Claim(
        "student-beats-teacher",
        "A student that starts at its random teacher ends with better features than it.",
        "Tables 1 and 3, section 4.1",
        ("random_teachers", "init_distance"),
        Greater(),
        sides.over_teacher,
        ("student at alpha ≈ 0", "its teacher"),
        paper=printed.told(printed.OWN, MEASURES),
    ),
    Claim(
        "transfer",
        "A student beats its teacher on other data than it learned from, too.",
        "Tables 2 and 4",
        ("transfer",),
        Greater(),
        sides.over_teacher_elsewhere,
        ("student of other data", "its teacher"),
        setting={**STARTED, "probe.normalise": "distilled"},
        known=tuple(printed.TRANSFERRED),
        paper=printed.told(printed.TRANSFERRED, MEASURES),
    ),
    Claim(
        "architectures",
        "Students outperform their teachers in all architectures.",
        "Table 5",
        ("architectures",),
        Greater(),
        sides.over_teacher,
        ("student at alpha ≈ 0", "its teacher"),
        known=tuple(printed.ARCHITECTURES),
        paper=printed.told(printed.ARCHITECTURES, MEASURES),
    ),
    Claim(
        "random-inputs",
        "Students of images have better features than students of Gaussian noise.",
        "Figure 4",
        ("data_dependence",),
        Greater(),
        sides.over_noise,
        ("images", "Gaussian noise"),
        varies=sides.INPUTS,
        paper={"linear": "VGG11, 50,000 samples: 51.36 and 16.27"},
    ),
    Claim(
        "more-samples",
        "Students of more images have better features.",
        "Figure 4",
        ("data_dependence",),
        Greater(),
        sides.over_fewer_samples,
        ("most images", "fewest"),
        varies=sides.INPUTS,
        paper={"linear": "VGG11: 41.76 with 500, 51.36 with 50,000"},
    ),
    Claim(
        "few-samples",
        "A student of few images beats its teacher.",
        "Figure 4",
        ("data_dependence",),
        Greater(),
        sides.few_over_teacher,
        ("fewest images", "its teacher"),
        setting={**STARTED, "data.train_size": 500, "distill.epochs": None, "distill.steps": 19600},
        varies=sides.INPUTS,
        paper={"linear": "VGG11, 500 samples: 41.76, its teacher 36.55"},
    ),
    Claim(
        "norm-layers",
        "Students outperform their teachers with norm layers that do not depend on the batch, or none.",
        "Figure 11",
        ("norm_layers",),
        Greater(),
        sides.over_teacher_with_norm,
        ("student at alpha ≈ 0", "its teacher"),
        "Test accuracy in %, linear probe, student at its last epoch; differences in points.",
        arms=UNLIKE_BATCH,
        varies=(sides.NORM,),
        paper=dict.fromkeys(UNLIKE_BATCH, NOT_PRINTED),
    ),
    Claim(
        "many-outputs",
        "With far fewer outputs than the bottleneck is wide there is no feature learning.",
        "Figure 10",
        ("bottleneck",),
        Greater(),
        sides.over_few_outputs,
        ("most outputs", "a quarter of the width or fewer"),
        varies=(sides.OUTPUTS,),
        paper=DRAWN,
    ),
    Claim(
        "not-most-outputs",
        "The largest number of outputs is not crucial.",
        "Figure 10",
        ("bottleneck",),
        Alike(ALIKE),
        sides.over_more_outputs,
        ("most outputs", "four times the width or more"),
        varies=(sides.OUTPUTS,),
        paper=DRAWN,
    ),
    Claim(
        "feature-norm",
        "Without feature normalisation students lose more than without weight normalisation.",
        "Figure 12",
        ("bottleneck",),
        Greater(),
        partial(sides.between_bottlenecks, one="-/lb/fn/-/l/-", other="wn/lb/-/wn/l/-"),
        ("without weight norm", "without feature norm"),
        varies=(sides.HEAD,),
        paper=DRAWN,
    ),
    Claim(
        "near-beats-far",
        "A student that starts near its teacher ends with better features than one that starts afresh.",
        "Figure 3",
        ("init_distance",),
        Greater(),
        partial(sides.between_alphas, one=0.0, other=1.0),
        ("alpha ≈ 0", "alpha 1"),
        paper=DRAWN,
    ),
    *(
        Claim(
            f"alike-at-{alpha:g}",
            f"Accuracy is very similar for all alpha up to 0.6: at {alpha:g} it is that of alpha ≈ 0.",
            "Figure 3",
            ("init_distance",),
            Alike(ALIKE),
            partial(sides.between_alphas, one=alpha, other=0.0),
            (f"alpha {alpha:g}", "alpha ≈ 0"),
            setting={"alpha": alpha},
            paper=SIMILAR,
        )
        for alpha in (0.3, 0.6)
    ),
    Claim(
        "far-beats-teacher",
        "Even a student that starts afresh beats its teacher.",
        "Figure 3",
        ("init_distance",),
        Greater(),
        partial(sides.over_teacher, alpha=1.0),
        ("student at alpha 1", "its teacher"),
        setting={"alpha": 1.0},
        paper=DRAWN,
    ),
    Claim(
        "tickets",
        "The student's checkpoint holds lottery tickets at step 0 that its random teacher does not.",
        "Figure 8",
        ("lottery_tickets",),
        Greater(),
        sides.over_teachers_tickets,
        ("student's tickets", "its teacher's, step 0"),
        "Test accuracy in %, mean over the rounds; differences in points.",
        "train",
        (MANY, FEW),
        paper=dict.fromkeys((MANY, FEW), "the teacher loses at every sparsity; " + NOT_PRINTED),
    ),
    Claim(
        "no-barrier-of-the-student",
        "Between children of the student there is no barrier.",
        "Figure 9",
        ("mode_connectivity",),
        Alike(NO_BARRIER),
        partial(sides.barriers, role="student"),
        ("barrier", ""),
        "Barriers in points of test error, student at its last epoch.",
        "connect",
        MODES,
        paper=dict.fromkeys(MODES, NOT_PRINTED),
    ),
    Claim(
        "barrier-of-the-teacher",
        "Between children of the random teacher there is a barrier.",
        "Figure 9",
        ("mode_connectivity",),
        Greater(NO_BARRIER),
        partial(sides.barriers, role="teacher"),
        ("barrier", ""),
        "Barriers in points of test error.",
        "connect",
        MODES,
        paper=dict.fromkeys(MODES, NOT_PRINTED),
    ),
    Claim(
        "second-round",
        "A second round, with the student as the next teacher, adds nothing.",
        "Figure 18",
        ("restart",),
        Alike(ALIKE),
        sides.second_round,
        ("second round", "first round"),
        paper=DRAWN,
    ),
)
