"""The bound on what threads hold at once."""

import threading

from alpacasorter.core.photos.decode import Budget


def test_small_holders_go_together_and_a_large_one_alone() -> None:
    budget = Budget(10)
    lock = threading.Lock()
    held: list[int] = []
    seen: list[tuple[int, ...]] = []

    def work(units: int) -> None:
        for _ in range(50):
            with budget.hold(units):
                with lock:
                    held.append(units)
                    seen.append(tuple(held))
                with lock:
                    held.remove(units)

    threads = [threading.Thread(target=work, args=(units,)) for units in (4, 4, 4, 6, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 250
    assert all(sum(group) <= 10 or group == (25,) for group in seen)


def test_two_that_fit_are_held_at_once() -> None:
    budget = Budget(10)
    both_inside = threading.Barrier(2, timeout=10)

    def work() -> None:
        with budget.hold(5):
            both_inside.wait()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not both_inside.broken


def test_an_error_inside_gives_the_units_back() -> None:
    budget = Budget(1)
    for _ in range(3):
        try:
            with budget.hold(1):
                raise RuntimeError
        except RuntimeError:
            pass
    with budget.hold(1):
        pass
