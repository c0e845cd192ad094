"""Whether a stream with a long backlog is as quick as many streams, and whom it keeps waiting.

``hot_stream`` is the rate of so many changes of one product over that of as many changes of different
products, with all of them on the queue at the start. ``hot_stream_others`` is what an unrelated command with
``Prefer: wait`` takes while so many changes of one product are posted, over what it takes when nothing else
goes on: the medians. A turn that is not finished in its time counts with what was decided by then, and is
the last; then it also tells what others waited.
"""

from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import RATIO, Figure, at_least, at_most
from tests.benchmarks.hot_products import HotProducts
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage

NAMES = ("hot_stream", "hot_stream_others")


def measure(cast: Cast, size: Size) -> list[Figure]:
    one, many, bursts, alone = [], [], [], []
    with Stage() as stage, HotProducts(stage, size) as hot:
        hot.many_products()  # not counted: the processes have just been started
        for _ in range(size.rounds):
            alone.append(hot.alone())
            many.append(hot.many_products())
            one.append(hot.one_product())
            if not one[-1].is_finished:
                break
            bursts.append(hot.burst())
            if not bursts[-1].is_finished:
                break
    beside = bursts if len(bursts) == len(alone) else one
    hot_rate, rate = (Samples.of(turn.per_s for turn in turns) for turns in (one, many))
    idle_ms = Samples.of(each.median for each in alone)
    others_ms = Samples.of(turn.others_ms.median for turn in beside)
    worst_ms = Samples.of(turn.others_ms.high for turn in beside)
    details = {
        "changes": size.changes,
        "decided": [turn.decided for turn in one],
        "one_product_per_s": hot_rate,
        "many_products_per_s": rate,
        "others_alone_ms": idle_ms,
        "others_beside_burst_ms": [turn.others_ms.median for turn in bursts],
        "others_beside_backlog_of_one_ms": Samples.of(turn.others_ms.median for turn in one),
        "others_beside_backlog_of_many_ms": Samples.of(turn.others_ms.median for turn in many),
        "others_worst_ms": worst_ms,
        "others_asked": [len(turn.others_ms.values) for turn in beside],
        "burst_per_s": [turn.per_s for turn in bursts],
    }
    last = one[-1]
    unfinished = "" if last.is_finished else f"; {last.decided} of {last.changes} decided in time"
    return [
        Figure(
            *("hot_stream", RATIO, hot_rate.over(rate), at_least(0.5)),
            about=f"{hot_rate} changes/s of one product against {rate} of {size.changes:,}{unfinished}",
            details=details,
        ),
        Figure(
            *("hot_stream_others", RATIO, others_ms.over(idle_ms), at_most(3)),
            about=f"{others_ms} ms against {idle_ms} alone, {worst_ms} at worst",
            details=details,
        ),
    ]
