from __future__ import annotations

from itertools import product

import pytest

from pipeline.core.roles import Role, Scope, covers, includes

_MAY = {
    Role.PLATFORM_ADMIN: set(Role),
    Role.OWNER: {Role.OWNER, Role.EDITOR, Role.VIEWER},
    Role.EDITOR: {Role.EDITOR, Role.VIEWER},
    Role.VIEWER: {Role.VIEWER},
}


@pytest.mark.parametrize(("role", "needed"), list(product(Role, Role)))
def test_a_role_may_what_those_below_it_may(role: Role, needed: Role) -> None:
    assert includes(role, needed) is (needed in _MAY[role])


def test_no_scopes_leave_nothing_out() -> None:
    assert all(covers([], scope) for scope in Scope)


def test_scopes_leave_out_all_others() -> None:
    assert [scope for scope in Scope if covers(["runs", "credits"], scope)] == [Scope.RUNS, Scope.CREDITS]
