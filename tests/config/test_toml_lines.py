from hypothesis import given
from hypothesis import strategies as st

from config.toml_lines import key_lines, line_of


def test_lines_of_every_way_to_write_a_key() -> None:
    text = '''\
# [not] = "a table"
top = 1
a.b.c = 2

[ t . "q.uoted" ]  # ] comment
s = """
[fake]
x = 1
"""" # "[
l = [ # [
  ["fake"], "]", { y = 1 },
]
m = \'\'\'
[fake2]\'\'\'
'lit' = 'a # b'
"esc\\u0041" = "\\"[" # "
[[feeds]]
id = 1
[feeds.sub]
k = 1
[[feeds]]
[[feeds.deep]]
id = 2
[[feeds.deep]]
id = 3
[last]
i = { z = 1 }'''
    assert key_lines(text) == {
        ("top",): 2, ("a",): 3, ("a", "b"): 3, ("a", "b", "c"): 3,
        ("t",): 5, ("t", "q.uoted"): 5, ("t", "q.uoted", "s"): 6, ("t", "q.uoted", "l"): 10,
        ("t", "q.uoted", "m"): 13, ("t", "q.uoted", "lit"): 15, ("t", "q.uoted", "escA"): 16,
        ("feeds",): 17, ("feeds", 0): 17, ("feeds", 0, "id"): 18,
        ("feeds", 0, "sub"): 19, ("feeds", 0, "sub", "k"): 20,
        ("feeds", 1): 21, ("feeds", 1, "deep"): 22, ("feeds", 1, "deep", 0): 22, ("feeds", 1, "deep", 0, "id"): 23,
        ("feeds", 1, "deep", 1): 24, ("feeds", 1, "deep", 1, "id"): 25, ("last",): 26, ("last", "i"): 27,
    }  # fmt: skip


def test_key_without_a_line_of_its_own_has_that_of_its_table() -> None:
    lines = key_lines("[a]\nb = { c = 1 }\n")
    assert line_of(lines, ("a", "b", "c")) == 2
    assert line_of(lines, ("a", "missing")) == 1
    assert line_of(lines, ("other",)) is None


@given(st.text(alphabet="ab[]{}.='\"#\n\\ ,1", max_size=60))
def test_lines_never_raise_and_stay_within_the_text(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in key_lines(text).values())
