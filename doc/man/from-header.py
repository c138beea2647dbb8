#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""from-header.py passlock.h DIRECTORY

Generates the manual pages of section 3 from the comments of the header: one page per function, with its
asynchronous form, and one per type, with all its functions. Other functions of a page get links to it.

Conventions of the header:
  * A comment belongs to the declarations that follow, up to a blank line.
  * A comment before a blank line applies to the rest of the section, or up to the next comment of this kind.
  * The first sentence of a comment is the title of the page.
  * Indented lines `name  type  meaning` are options; `Errors: NAME (note), ...` lists errors.
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import mdoc

SECTION = re.compile(r"/\* -+ (.*?) -+ \*/")
OPTION = re.compile(r" {4,}(\w+) {2,}(string|bool|uint32|strv|uint32_array) {2,}(.*)")
ERRNO = re.compile(r" {4,}(-E\w+) {2,}(.*)")
ERRORS = re.compile(r"\s*Errors?: ((?:[^.(]|\([^)]*\))*)\.")
ERROR = re.compile(r"([A-Z_]+)(?: \(([^)]*)\))?")
FUNCTION = re.compile(r"(?P<type>.*?)(?P<name>passlock_\w+)\((?P<args>.*)\)", re.DOTALL)
CALLBACK = re.compile(r"typedef void \(\*(passlock_\w+)\)\((.*)\)", re.DOTALL)
SINCE = re.compile(r"\bsince version (\d+(?:\.\d+)+)", re.IGNORECASE)
ANY_CALL = ["ACCESS_DENIED", "INVALID_ARGS", "LIMITS_EXCEEDED", "UNKNOWN_OBJECT"]


class Comment:
    def __init__(self, text: str):
        lines = [re.sub(r"^\s*\*? ?", "", line.rstrip()) for line in text.strip("/* \n").split("\n")]
        self.options, self.errnos, prose = [], [], []
        for line in lines:
            option, errno, rows = OPTION.match(line), ERRNO.match(line), self.options or self.errnos
            if option or errno:
                prose.append("")  # text after the list begins a new paragraph
            if option:
                self.options.append(list(option.groups()))
            elif errno:
                self.errnos.append(list(errno.groups()))
            elif rows and line.startswith(" " * 8):
                rows[-1][-1] += " " + line.strip()
            else:
                prose.append(line)
        self.errors, self.paragraphs = {}, []
        for paragraph in mdoc.paragraphs(prose):
            for listed in ERRORS.findall(paragraph):
                for each in re.split(r"[,;] (?![^(]*\))", listed):
                    named = ERROR.fullmatch(each)
                    if not named:
                        sys.exit(f"not an error, or not `NAME (note)`: {each}")
                    self.errors[named[1]] = named[2]
            rest = ERRORS.sub("", paragraph).strip()
            if rest:
                self.paragraphs.append(rest)

    def mdoc(self) -> list[str]:
        """Puts each list after the paragraph that ends in a colon."""
        lines = []
        for paragraph in self.paragraphs:
            lines += [".Pp"] * bool(lines) + [mdoc.inline(paragraph)]
            if paragraph.endswith(":"):
                lines += mdoc.tagged([(f"Va {name} Pq Vt {kind}", [mdoc.inline(said)])
                                      for name, kind, said in self.options])
                lines += mdoc.tagged([(f"Dv {mdoc.escape(name)}", [mdoc.inline(said)])
                                      for name, said in self.errnos])
        return lines


@dataclass
class Group:
    """The declarations that one comment describes."""
    comment: Comment | None
    notes: list[Comment]
    declarations: list[str] = field(default_factory=list)

    def functions(self):
        for declaration in self.declarations:
            match = FUNCTION.fullmatch(declaration)
            if match:
                yield match["name"], match["type"].strip(), arguments(match["args"])

    def names(self):
        return [name for name, _, _ in self.functions()]

    def alone(self):
        return len(self.declarations) == 1


def arguments(text: str) -> list[str]:
    return [] if text == "void" else [" ".join(each.split()) for each in text.split(",")]


class Header:
    def __init__(self, text: str):
        self.types = set(re.findall(r"typedef struct (passlock_\w+)", text))
        self.type_groups, self.callbacks, self.enums, self.groups = {}, {}, {}, []
        self.since = SINCE.search(text)[1]
        body = text.partition('extern "C" {')[2].rpartition("#ifdef __cplusplus")[0]
        notes, group = [], None
        token = re.compile(r"(?P<comment>/\*.*?\*/)|(?P<blank>\n[ \t]*\n)|(?P<space>\s+)"
                           r"|(?P<directive>#[^\n]*)|(?P<code>[^;{]+(?:\{[^}]*\})?;)", re.DOTALL)
        section = False
        for match in token.finditer(body):
            if match["comment"]:
                section = bool(SECTION.fullmatch(match["comment"]))
                notes = [] if section else notes
                group = None if section else Group(Comment(match["comment"]), notes)
            elif match["blank"]:
                if group and not group.declarations and not section:
                    notes = [group.comment]  # applies to the rest of the section
                group = None
            elif match["code"]:
                if group is None:
                    group = Group(None, notes)
                self._declare(group, match["code"].rstrip(";").strip())

    def _declare(self, group: Group, code: str):
        if not group.declarations:
            self.groups.append(group)
        callback, enum = CALLBACK.fullmatch(code), re.match(r"enum (\w+) \{(.*)\}", code, re.DOTALL)
        if callback:
            self.callbacks[callback[1]] = (arguments(callback[2]), group.comment)
        elif enum:
            values = re.findall(r"(\w+) = (\d+),?\s*(?:/\* (.*?) \*/)?", enum[2])
            self.enums[enum[1]] = [(name, said) for name, _, said in values]
        elif code.startswith("typedef struct"):
            self.type_groups[code.split()[-1]] = group
        group.declarations.append(code)

    def page_of(self, group: Group) -> str:
        """The type that the functions belong to, or the first function."""
        name = group.names()[0]
        types = [each for each in self.types if name.startswith(each + "_")]
        return max(types, key=len, default=name)

    def pages(self) -> dict[str, list[Group]]:
        found = {}
        for group in self.groups:
            if not group.names():
                continue
            names = group.names()
            if group.comment is None and not names[0].endswith("_ref"):
                sys.exit(f"{names[0]} has no comment")
            found.setdefault(self.page_of(group), []).append(group)
        return found


class Page:
    def __init__(self, header: Header, name: str, groups: list[Group]):
        self.header, self.name, self.groups = header, name, groups
        self.is_type = name in header.types
        self.functions = [each for group in groups for each in group.functions()]
        self.names = [each for each, _, _ in self.functions]
        self.is_call = any(each.endswith("_async") for each in self.names)
        self.intro = groups[0].comment
        if self.is_type:  # unless several types share a comment
            own = header.type_groups[name]
            owners = [own] if own.alone() else [each for each in groups if f"{name}_ref" in each.names()]
            self.intro = owners[0].comment if owners else self.intro
        self.notes = []
        for group in groups:
            self.notes += [note for note in group.notes if note not in self.notes]

    def title(self) -> str:
        return mdoc.title_of(self.intro.paragraphs[0])

    def used_callbacks(self):
        text = " ".join(arg for _, _, args in self.functions for arg in args)
        return [name for name in self.header.callbacks if re.search(rf"\b{name}\b", text)]

    def used_enums(self):
        text = " ".join(arg for name in self.used_callbacks() for arg in self.header.callbacks[name][0])
        own = {"passlock_strerror": "passlock_error"}.get(self.name, "")
        return [name for name in self.header.enums if name == own or f"enum {name} " in text]

    def synopsis(self) -> list[str]:
        lines = [".In passlock.h"]
        for name in self.used_enums():
            lines += [f".Vt enum {name} ;"]
        for name in self.used_callbacks():
            lines += [".Ft typedef void", f".Fo (*{name})",
                      *(f'.Fa "{arg}"' for arg in self.header.callbacks[name][0]), ".Fc"]
        for name, kind, args in self.functions:
            lines += [f".Ft {kind}", f".Fo {name}", *(f'.Fa "{arg}"' for arg in args or ["void"]), ".Fc"]
        return mdoc.section("SYNOPSIS", *lines)

    def description(self) -> list[str]:
        comments = [self.intro] if self.is_type else [group.comment for group in self.groups]
        comments += [self.header.callbacks[name][1] for name in self.used_callbacks()] + self.notes
        lines = []
        for comment in comments:
            if comment:
                lines += [".Pp"] * bool(lines) + comment.mdoc()
        for enum in self.used_enums():
            lines += [".Pp", f"The values of enum {enum}:",
                      *mdoc.tagged([(f"Dv {name}", [mdoc.inline(said)]) for name, said in
                                    self.header.enums[enum]])]
        return mdoc.section("DESCRIPTION", *lines, *(self.function_list() if self.is_type else []))

    def function_list(self) -> list[str]:
        items = []
        for group in self.groups:
            if not group.comment or group.comment is self.intro:
                continue
            *others, last = group.names()
            tag = "Xo" if others else f"Fn {last}"
            said = group.comment.mdoc()
            if others:
                said = [*(f".Fn {name} ," for name in others), f".Fn {last}", ".Xc", *said]
            items.append((tag, said))
        return [".Ss Functions", *mdoc.tagged(items)] if items else []

    def returns(self) -> list[str]:
        if not self.is_call:
            return []
        ret = next((arg for _, _, args in self.functions for arg in args[-1:] if "*ret" in arg
                    and "passlock_call" not in arg), "")
        lines = ["0 if it worked; a negative errno if there was no answer, or an",
                 ".Vt enum passlock_error", "if that was the answer; see", ".Xr passlock_error 3 ."]
        released = re.match(r"(passlock_\w+) \*\*(\w+)", ret)
        if released:
            lines += [f".Fa {released[2]}", "is untouched unless 0 is returned, and is then to be released with",
                      f".Fn {released[1]}_unref ."]
        elif ret.startswith("char **"):
            lines += [f".Fa {ret[7:]}", "is untouched unless 0 is returned, and is then to be released with",
                      ".Xr free 3 ."]
        lines += [".Pp", f".Fn {next(name for name in self.names if name.endswith('_async'))}",
                  "returns 0 once the call is on its way; the callback is told once how it ended.", "See",
                  ".Xr passlock_call 3 ."]
        return mdoc.section("RETURN VALUES", *lines)

    def errors(self) -> list[str]:
        found = {}
        for comment in [group.comment for group in self.groups] + self.notes:
            for name, note in (comment.errors if comment else {}).items():
                found.setdefault(name, note)
        if not found and not self.is_call:
            return []
        meaning = dict(self.header.enums["passlock_error"])
        lines = mdoc.tagged([(f"Dv PASSLOCK_ERROR_{name}", [mdoc.inline(note or meaning[f"PASSLOCK_ERROR_{name}"])])
                             for name, note in sorted(found.items())])
        common = [name for name in ANY_CALL if name not in found]
        if self.is_call:
            lines += [*([".Pp"] if lines else []), "Any call may be answered with" if not lines else
                      "Besides, any call may be answered with",
                      *(f".Dv PASSLOCK_ERROR_{name}" + (" ," if name != common[-1] else " .") for name in common)]
        return mdoc.section("ERRORS", *lines)

    def see_also(self) -> list[str]:
        prose = "\n".join(self.description())
        named = set(re.findall(r"\\fB(passlock_\w+)\\fR\(\)", prose)) | {"libpasslock", "passlock_error"}
        args = " ".join(arg for _, _, args in self.functions for arg in args)
        named |= {kind for kind in self.header.types if re.search(rf"\b{kind} \*", args)}
        named |= {"passlock_call"} if self.is_call else set()
        pages = self.header.pages()
        return mdoc.see_also(*((name, 3) for name in named - {self.name} - set(self.names) - set(self.used_enums())
                               if name in ("libpasslock", "passlock_error") or name in pages
                               or any(name in group.names() for groups in pages.values() for group in groups)))

    def write(self, pages: mdoc.Pages):
        names = [self.name] + [name for name in self.names if name != self.name] + [
            name for name in self.used_enums() if name not in self.names]
        body = self.synopsis() + self.description() + self.returns() + self.errors() + self.see_also()
        body += mdoc.section("HISTORY", f"In libpasslock since version {self.header.since}.")
        pages.write(names, self.title(), "passlock.h", body)


def main(header: str, directory: str):
    parsed = Header(Path(header).read_text())
    pages = mdoc.Pages(Path(directory), 3)
    for name, groups in parsed.pages().items():
        Page(parsed, name, groups).write(pages)


if __name__ == "__main__":
    main(*sys.argv[1:])
