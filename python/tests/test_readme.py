import pathlib
import re

import pytest

README = pathlib.Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(r"```python\n(.+?)```", README.read_text(), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_run(example, dsn):
    assert '"embedded:"' in example
    exec(example.replace('"embedded:"', repr(dsn)), {})


def test_there_is_one_for_asyncio_and_one_for_threads():
    assert ["statekeep.connect" in EXAMPLES[0], "statekeep.open" in EXAMPLES[1]] == [True, True]
