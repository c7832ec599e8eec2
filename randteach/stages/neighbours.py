"""The kNN probe: the k nearest by L2, exactly as defined, whatever order a matrix product sums in."""

import torch

CELLS = 1 << 24  # distances held at once
EPS = 2.0**-52


def knn(
    train_ND: torch.Tensor, y_N: torch.Tensor, test_MD: torch.Tensor, k: int, classes: int
) -> torch.Tensor:
    """Unweighted majority of the k nearest training samples: classes_M.

    A tie in votes goes to the smallest label, a tie in distance to the lower training index.
    """
    near_MK = neighbours(train_ND, test_MD, k)
    ballots_MC = torch.zeros(len(test_MD), classes, dtype=torch.long, device=test_MD.device)
    ballots_MC.scatter_add_(1, y_N[near_MK], torch.ones_like(near_MK))
    return ballots_MC.argmax(1)


def neighbours(train_ND: torch.Tensor, test_MD: torch.Tensor, k: int) -> torch.Tensor:
    """Indices_MK of the k nearest training samples, in no order.

    Distances are sums of (x_i - y_i)^2 in float64, added for i = 0 ... D-1 in this order; among equal ones
    the lower index is nearer. So those of equal rows are equal.
    """
    kept_N = _first_of_equals(train_ND, k)
    train_ND, test_MD = train_ND[kept_N].double(), test_MD.double()
    # A common mean changes no distance, and would make the product's rounding errors large.
    mean_D = train_ND.mean(0)
    about_ND = train_ND - mean_D
    norms_N = about_ND.square().sum(1)
    found = []
    for test in test_MD.split(max(1, CELLS // len(train_ND))):
        about_MD = test - mean_D
        # |x - y|^2 less |x|^2, which is the same for all neighbours of a sample.
        score_MN = torch.addmm(norms_N, about_MD, about_ND.T, alpha=-2)
        nearest_MK, near_MK = score_MN.topk(k, largest=False)
        edge_M1 = nearest_MK[:, -1:] + 2 * _error(about_MD, norms_N)
        within_M = (score_MN <= edge_M1).sum(1)
        # With more than k candidates rounding may decide between them: there the definition does.
        close_R = torch.nonzero(within_M > k)[:, 0]
        if len(close_R):
            candidates_RC = score_MN[close_R].topk(int(within_M.max()), largest=False).indices.sort(1).values
            distance_RC = distances(test[close_R], train_ND, candidates_RC)
            near_MK[close_R] = candidates_RC.gather(1, nearest(distance_RC, k))
        found.append(near_MK)
    return kept_N[torch.cat(found)]


def _first_of_equals(x_ND: torch.Tensor, k: int) -> torch.Tensor:
    """Indices, ascending, of all rows but those with k equal ones before them, which nobody is nearest to.

    So embeddings that have collapsed, or died, leave few candidates.
    """
    group_N = torch.unique(x_ND, dim=0, return_inverse=True)[1]
    sorted_N, order_N = group_N.sort(stable=True)
    before_N = torch.arange(len(x_ND), device=x_ND.device) - torch.searchsorted(sorted_N, sorted_N)
    return order_N[before_N < k].sort().values


def _error(about_MD: torch.Tensor, norms_N: torch.Tensor) -> torch.Tensor:
    """How far a score plus |x|^2 can lie from the distance as it is defined: errors_M1.

    With u = 2^-53 and B = (|x| + max |y|)^2 the product and its norms err by at most (D + 2) u B in any order
    of summation, the definition by (D + 2) u B, centred features by 2 u B, the sum with an edge by u B;
    1 % is for terms of second order and for the errors of B.
    """
    reach_M1 = about_MD.square().sum(1, keepdim=True).sqrt() + norms_N.max().sqrt()
    return 1.01 * (about_MD.shape[1] + 4) * EPS * reach_M1.square()


def distances(test_RD: torch.Tensor, train_ND: torch.Tensor, candidates_RC: torch.Tensor) -> torch.Tensor:
    """Squared L2 distances_RC to some training samples by the definition: elementwise, feature by feature."""
    total_RC = torch.zeros_like(candidates_RC, dtype=torch.float64)
    for x_R, y_N in zip(test_RD.T, train_ND.T.contiguous(), strict=True):
        if (y_N != y_N[0]).any() or (x_R != y_N[0]).any():  # a constant feature adds exactly nothing
            total_RC += (x_R[:, None] - y_N[candidates_RC]).square_()
    return total_RC


def nearest(distance_MN: torch.Tensor, k: int) -> torch.Tensor:
    """Columns of each row's k smallest values, the lower column first among equals."""
    values, columns = distance_MN.topk(k, largest=False)
    edge = values[:, -1:]
    # topk picks freely among columns that tie at the edge; only such rows need a stable sort.
    tied = (distance_MN <= edge).sum(1) > k
    if tied.any():
        columns[tied] = distance_MN[tied].argsort(dim=1, stable=True)[:, :k]
    return columns
