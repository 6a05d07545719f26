"""Renders notice templates in a sandbox: nothing undefined, nothing unescaped, nothing oversized.

A template may print, loop and choose; it may not compute, concatenate, or mark anything as safe. So neither
a template nor a fact can reach beyond the text, or fill the memory.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import (
    FileSystemLoader,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
    UndefinedError,
    nodes,
)
from jinja2.compiler import CodeGenerator
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from incident_flows.errors import InputError, KnowledgeError
from incident_flows.knowledge.notice_words import UnknownWordError

OUTPUT_LIMIT = 200_000  # characters; a long notice has ten thousand
_FILTERS = ("escape", "first", "join", "last", "length")


class _TooLargeError(Exception):
    pass


class _NoConcatenation(CodeGenerator):
    """Refuses what could double a text again and again without passing through the counted join."""

    def visit_Concat(self, node: nodes.Concat, frame: Any) -> None:
        self.fail("texts are not concatenated with ~; write them one after the other", node.lineno)

    def visit_Template(self, node: nodes.Template, frame: Any = None) -> None:
        for concat in node.find_all(nodes.Concat):
            self.visit_Concat(concat, frame)
        super().visit_Template(node, frame)


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))
    code_generator_class = _NoConcatenation

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> NoReturn:
        raise SecurityError(f"a notice computes nothing, yet uses {operator}")

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return isinstance(obj, LoopContext) and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        return None  # no str.format either: a width of a billion is a gigabyte

    @staticmethod
    def concat(parts: Iterable[Any]) -> str:
        """Join what was printed, by the piece, and stop at the limit."""
        kept: list[str] = []
        size = 0
        for part in parts:
            size += len(part)
            if size > OUTPUT_LIMIT:
                raise _TooLargeError
            kept.append(part)
        return "".join(kept)


class Templates:
    """The templates of one folder.

    Args:
        folder: playbooks/notices.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = _Sandbox(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            autoescape=lambda name: name is not None and ".html." in name,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.clear()
        self._environment.filters = {name: self._environment.filters[name] for name in _FILTERS}

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """Return one template's text.

        Args:
            name: Its path below the folder.
            values: What the template may use; nothing else exists for it.

        Raises:
            KnowledgeError: The template is missing, cannot be read, or uses what does not exist; with file,
                line and variable.
            InputError: The text would be too large.
        """
        try:
            return self._environment.get_template(name).render(dict(values))
        except TemplateNotFound as error:
            raise KnowledgeError(f"notices/{error.name}: there is no such template") from None
        except TemplateSyntaxError as error:
            raise KnowledgeError(f"notices/{error.name}:{error.lineno}: {error.message}") from None
        except (UndefinedError, UnknownWordError, SecurityError) as error:
            problem = f"{error} is undefined" if isinstance(error, UnknownWordError) else str(error)
            raise KnowledgeError(
                f"{self._place(error, name)}: {problem}; "
                "nothing is drafted from this template until it is mended"
            ) from None
        except UnicodeDecodeError:
            raise KnowledgeError(f"notices/{name}: is not UTF-8 text; save the file as UTF-8") from None
        except _TooLargeError:
            raise InputError(
                f"notices/{name}: the text would be longer than {OUTPUT_LIMIT:,} characters; "
                "shorten the facts it is made from"
            ) from None

    def _place(self, error: Exception, name: str) -> str:
        """Return file and line of the template that failed, the innermost of those included."""
        place = f"notices/{name}"
        for frame in traceback.extract_tb(error.__traceback__):
            path = Path(frame.filename)
            if path.is_relative_to(self.folder):
                place = f"notices/{path.relative_to(self.folder)}:{frame.lineno}"
        return place
