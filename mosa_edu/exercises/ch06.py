"""Checks of chapter 6: the FLOPs of a dense head and of a MoSA head, and what a budget buys."""

from collections.abc import Callable
from itertools import product

from mosa_edu.costs import HeadShape, head_flops
from mosa_edu.exercises.verdict import Answer, Mistake, Verdict, examine, number_of


def check_dense_flops(dense_flops: Callable[[int, int, int], int] | None) -> Verdict:
    """Check the FLOPs of a dense head."""

    def named(f: Answer) -> Mistake:
        h, d, T = 48, 16, 100
        found, projections, square = f(h, d, T), 8 * h * d * T, 4 * d * T * T
        mistakes = {
            (projections + square) // 2: "Half of it: 2ijk counts a product's additions too.",
            projections + square // 2: "Half of the attention: the table of matches and the means "
            "count 2 d_head T² each, over the whole square.",
            projections + square // 2 + 2 * d * T: "You cut the causal half of the attention; "
            "here the whole square is counted.",
            projections * 3 // 4 + square: "The product with W^O is missing.",
            projections // 4 + square: "There are four projections: Q, K, V and the output.",
            projections + 4 * d * T: "Attention compares T tokens with T tokens: T², not T.",
            square: "The projections are missing.",
            projections: "Attention itself is missing.",
        }
        return mistakes.get(found)

    def equal(f: Answer) -> Mistake:
        for h, d, T in ((8, 4, 16), (48, 16, 100), (512, 64, 1024)):
            right = head_flops("dense", HeadShape(d_model=h, d_head=d, seq_len=T)).total
            if (found := f(h, d, T)) != right:
                return f"d_model = {h}, d_head = {d}, T = {T} costs {right}, not {found}."
        return None

    properties = [("no part missing", named), ("equal to the formula", equal)]
    return examine(dense_flops, properties, number_of, "one number")


def check_mosa_flops(mosa_flops: Callable[[int, int, int, int], int] | None) -> Verdict:
    """Check the FLOPs of a MoSA head."""

    def named(f: Answer) -> Mistake:
        return _wrong_part(f(48, 16, 100, 10), 48, 16, 100, 10)

    def equal(f: Answer) -> Mistake:
        for h, d, T, k in ((8, 4, 16, 4), (48, 16, 100, 10), (512, 64, 1024, 16)):
            shape = HeadShape(d_model=h, d_head=d, seq_len=T, sparsity=T // k)
            right = head_flops("mosa", shape).total
            if (found := f(h, d, T, k)) != right:
                where = f"d_model = {h}, d_head = {d}, T = {T}, k = {k}"
                return f"{where} costs {right}, not {found}."
        return None

    properties = [("every part once", named), ("equal to the formula", equal)]
    return examine(mosa_flops, properties, number_of, "one number")


def _wrong_part(found: float, h: int, d: int, T: int, k: int) -> str | None:
    """Name the first part that must be wrong for a sum of right and wrong parts to come out."""
    scores = {
        2 * h * T: None,
        0: "2 d_model T is missing: the router scores every token.",
        2 * h * k: "The router scores all T tokens, not only the k that it keeps.",
    }
    projections = {
        8 * h * d * k: None,
        8 * h * d * T: "T for k: only the k kept tokens are projected.",
    }
    attention = {
        4 * d * k * k: None,
        4 * d * k * T: "T for k: the keys are the k kept tokens, too.",
        4 * d * T * T: "T for k: kept tokens attend among themselves, k by k.",
    }
    gates = {
        d * k: None,
        0: "The gates are missing: d_head products for each kept token.",
        2 * d * k: "A gate multiplies and adds nothing: d_head a kept token, not twice that.",
        d * T: "T for k: only kept outputs are gated.",
    }
    for combined in product(scores.items(), projections.items(), attention.items(), gates.items()):
        if sum(flops for flops, _ in combined) == found:
            return next((mistake for _, mistake in combined if mistake), None)
    halved = (2 * h * T + 8 * h * d * k + 4 * d * k * k) // 2
    if found in (halved, halved + d * k, halved + d * k // 2):
        return "Half of it: 2ijk counts a product's additions too."
    return None


def check_head_count(head_count: Callable[[int, int, int, int], int] | None) -> Verdict:
    """Check how many MoSA heads the FLOPs of some dense heads buy."""

    def count(f: Answer) -> Mistake:
        for dense, mosa, n, kept in ((8192, 1552, 4, 0), (536_870_912, 5_309_440, 9, 4)):
            found, budget = f(dense, mosa, n, kept), (n - kept) * dense
            if found == budget // mosa:
                continue
            if kept and found == n * dense // mosa:
                return f"{kept} of the {n} dense heads stay: their FLOPs are not for sale."
            if found == (n - kept) * (dense // mosa):
                return "Divide last: what each dense head leaves over adds up to more heads."
            if found == round(budget / mosa):
                return f"You rounded: {found} heads are over the budget. Round down."
            if found * mosa > budget:
                return f"{found} heads cost {found * mosa}, over the budget of {budget}."
            return f"{n} dense heads of {dense}, {kept} kept, buy {budget // mosa} of {mosa}."
        return None

    def exact(f: Answer) -> Mistake:
        if f(600, 50, 3, 1) == 24:
            return None
        return "1200 FLOPs buy exactly 24 heads of 50: the budget may be used up."

    properties = [("largest count in the budget", count), ("exact fit", exact)]
    return examine(head_count, properties, number_of, "one number")
