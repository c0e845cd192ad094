"""ETags: the version in them decides ``If-Match``, all of them ``If-None-Match``."""

import pytest

from api.http.etags import expected_versions, is_known, of_resource
from api.http.problems import ProblemError


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        (None, None),
        ("*", None),
        (' "v3" ', (3,)),
        ('"v3.1.77"', (3,)),
        ('"v3.1.77.mended5.stale1714564800000"', (3,)),
        ('"v3.1.77.strong"', (3,)),
        ('W/"v3.1.77"', (3,)),
        ('"v3", "v4.2.9",, "v3.1.1"', (3, 4)),
        ('"something-else"', ()),
        ('""', ()),
        ('"v99999999999999999999", "v9999999999999999999"', ()),
        ('"v3", "x"', (3,)),
    ],
)
def test_expected_versions(header: str | None, versions: tuple[int, ...] | None) -> None:
    assert expected_versions(header) == versions


@pytest.mark.parametrize("header", ["", "v3", '"v3', '"v3" x', "'v3'", '*, "v3"', ", , " * 5_000 + "x"])
def test_what_is_no_list_of_tags_is_refused(header: str) -> None:
    with pytest.raises(ProblemError) as error:
        expected_versions(header)

    assert error.value.problem.status == 400


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (None, False),
        ("*", True),
        ('"v3.1.77"', True),
        ('W/"v3.1.77"', True),
        ('"v2.1.7", "v3.1.77"', True),
        ('"v3"', False),
        ('"v3.1.78"', False),
        ("nonsense", False),
    ],
)
def test_what_the_caller_has(*, header: str | None, known: bool) -> None:
    assert is_known(header, of_resource(3, 1, 77)) is known
