"""Templates that would exhaust time or memory in Jinja's own sandbox, by name. Run alone, with limits, by `main`.

Each must be refused or fail; what it took is printed as one JSON object: name -> [outcome, peak bytes].
"""

import json
import resource
import sys
import tracemalloc

from jinja2 import DictLoader
from jinja2.exceptions import TemplateSyntaxError

from service.settings.expressions import ExpressionError, compile_condition
from service.settings.sandbox import RenderFailed, environment, render

LONG = "x" * 60_000
VARIABLES = {"many": list(range(10_000)), "long": LONG, "number": 7}

# An address space and a processor time that one runaway template would pass at once; the tests measure neither.
MEMORY_MAX = 1_000_000_000
CPU_S_MAX = 60


def _loops(depth: int, body: str) -> str:
    return "{% for a in many %}" * depth + body + "{% endfor %}" * depth


BOMBS = {
    "times_text": "{{ 'a' * 100000000 }}",
    "text_times": "{{ 1000000000 * 'a' }}",
    "times_list": "{{ ([0] * 100000000)|length }}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "power_in_if": "{% if 2 ** 100000 %}x{% endif %}",
    "product": "{{ 999999999999999999 * 999999999999999999 }}",
    "long_number": "{{ " + "9" * 30_000 + " }}",
    "infinite": "{{ 1e999 }}",
    "center": "{{ 'a'|center(500000000) }}",
    "indent": "{{ long|indent(100000) }}",
    "format_width": "{{ '%500000000d' % 1 }}",
    "format_filter": "{{ '%500000000d'|format(1) }}",
    "format_method": "{{ '{:>500000000}'.format(1) }}",
    "format_item": "{{ '{:>500000000}'['format'](1) }}",
    "ljust": "{{ 'a'.ljust(500000000) }}",
    "replace": "{{ long|replace('x', long) }}",
    "batch": "{{ many|batch(100000000, 0)|list }}",
    "slice_filter": "{{ many|slice(100000000)|list }}",
    "wordwrap": "{{ long|wordwrap(1) }}",
    "round_up": "{{ 5|round(-1000000000) }}",
    "range": "{% for a in range(1000000000) %}{% endfor %}",
    "lipsum": "{{ lipsum(n=200000) }}",
    "concat_doubling": "{% set y = long %}" + "{% set y = y ~ y %}" * 28,
    "plus_doubling": "{% set y = long %}" + "{% set y = y + y %}" * 28,
    "join_doubling": "{% set y = long %}" + "{% set y = [y, y]|join %}" * 28,
    "set_block_doubling": "{% set y = long %}" + "{% set y %}{{ y }}{{ y }}{% endset %}" * 28,
    "macro_doubling": "{% macro m(y) %}{{ y }}{{ y }}{% endmacro %}{% set y = long %}"
    + "{% set y = m(y) %}" * 28,
    "filter_block_doubling": "{% set y = long %}"
    + "{% set y %}{% filter upper %}{{ y }}{{ y }}{% endfilter %}{% endset %}" * 28,
    "call_doubling": "{% macro m() %}{{ caller() }}{{ caller() }}{% endmacro %}"
    + "{% call m() %}" * 15
    + "{{ long }}"
    + "{% endcall %}" * 15,
    "join_by_long": "{{ many|join(long) }}",
    "three_loops": _loops(3, ""),
    "loop_that_tests": _loops(2, "{% for b in many if false %}{% endfor %}"),
    "loop_over_text": "{% for a in long %}{% for b in long %}{% endfor %}{% endfor %}",
    "loop_with_literal": "{% set z %}" + _loops(1, "y" * 30_000) + "{% endset %}",
    "loop_with_value": "{% set z %}" + _loops(1, "{{ long }}") + "{% endset %}",
    "loop_that_writes": _loops(1, "{{ long }}"),
    "loop_that_compares": _loops(1, "{{ 'y' in long }}"),
    "loop_that_compares_lists": _loops(1, "{{ many == many }}"),
    "loop_that_slices": _loops(1, "{{ long[1:] == 'a' }}"),
    "loop_that_sorts": _loops(1, "{{ many|sort|length }}"),
    "loop_that_uppers": _loops(1, "{% set z = long|upper %}"),
    "loop_that_lists": _loops(1, "{% set z = long|list %}"),
    "macro_calls_itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "macros_call_each_other": "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
    "macro_in_loop": "{% macro m() %}{% for a in many %}x{% endfor %}{% endmacro %}" + _loops(1, "{{ m() }}"),
    "macro_tree": "".join(
        f"{{% macro m{i}() %}}{{{{ m{i + 1}() }}}}{{{{ m{i + 1}() }}}}{{% endmacro %}}" for i in range(25)
    )
    + "{% macro m25() %}x{% endmacro %}{{ m0() }}",
    "includes_itself": "{% include 'again' %}",
    "includes_twice": "{% include 'tree' %}",
    "include_with_long_text": "{% set z %}" + "{% include 'long' %}" * 1_500 + "{% endset %}",
    "parentheses": "{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}",
    "brackets": "{{ " + "[" * 3_000 + "]" * 3_000 + " }}",
    "not_not": "{{ " + "not " * 3_000 + "1 }}",
    "minus_minus": "{{ " + "-" * 3_000 + "1 }}",
    "long_sum": "{{ " + "1+" * 3_000 + "1 }}",
    "long_and": "{{ " + "1 and " * 3_000 + "1 }}",
    "if_else_chain": "{{ " + "1 if 1 else " * 2_000 + "1 }}",
    "attribute_chain": "{{ number" + ".a" * 3_000 + " }}",
    "filter_chain": "{{ 1" + "|abs" * 3_000 + " }}",
    "test_chain": "{{ 1" + " is defined" * 2_000 + " }}",
    "long_list": "{{ [" + "1," * 10_000 + "]|length }}",
    "nested_ifs": "{% if 1 %}" * 1_000 + "{% endif %}" * 1_000,
    "nested_fors": "{% for a in many %}" * 30 + "{% endfor %}" * 30,
    "nested_withs": "{% with a = 1 %}" * 200 + "{% endwith %}" * 200,
    "many_ifs": "{% if 1 %}{% endif %}" * 1_500,
    "many_elifs": "{% if 0 %}" + "{% elif 0 %}" * 2_500 + "{% endif %}",
    "many_outputs": "{{ 1 }}" * 4_000,
    "huge_source": "x" * 100_000,
    "open_braces": "{" * 32_000,
    "open_comments": "{#" * 16_000,
    "open_quotes": "{{ '" + "\\" * 30_000,
}
# Rendered with the same variables, so that nothing else than the bomb is refused.
HARMLESS = {
    "harmless_loop": "{% for a in many %}{{ a }}{% endfor %}",
    "harmless_text": "{{ long }}",
}
CONDITIONS = {
    "condition_sum": "1" + " + 1" * 240,
    "condition_not": "not " * 240 + "true",
    "condition_brackets": "(" * 300 + "1" + ")" * 300,
    "condition_power": "9 ** 9 ** 9 > 1",
    "condition_times": "'a' * 1000000000 == 'b'",
    "condition_long": "true" + " or true" * 1_000,
    "condition_doubling": "('a' ~ " * 15 + "'b'" + ")" * 15 + " == 1 * 'a'",
}


def run(name: str) -> str:
    """`refused` before it ran, `failed` while it ran, or what else came of it."""
    loader = DictLoader(
        {"again": "{% include 'again' %}", "tree": "{% include 'tree' %}" * 2, "long": "z" * 30_000}
    )
    sandbox = environment(autoescape=True, loader=loader)
    try:
        if name in CONDITIONS:
            compile_condition(CONDITIONS[name])
        else:
            render(sandbox.from_string({**BOMBS, **HARMLESS}[name]), VARIABLES)
    except (TemplateSyntaxError, ExpressionError):
        return "refused"
    except RenderFailed:
        return "failed"
    return "rendered"


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
    results = {}
    for name in (*BOMBS, *CONDITIONS, *HARMLESS):
        tracemalloc.start()
        outcome = run(name)
        results[name] = (outcome, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
