"""Owns what one person prefers: a key-value row for each thing that was chosen, typed when it is written (plan 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pipeline.core.errors import InvalidValueError
from pipeline.core.preferences import Preferences
from pipeline.models import UserSetting
from pipeline.services.settings.check import fault_of
from pipeline.services.settings.fields import PREFERENCES


def load_preferences(session: Session, user_id: int) -> Preferences:
    """Everything the person prefers; what they never chose is at its default."""
    rows = session.execute(select(UserSetting.key, UserSetting.value).where(UserSetting.user_id == user_id))
    return Preferences.model_validate({row.key: row.value for row in rows if row.key in PREFERENCES})


def save_preferences(session: Session, *, account_id: int, user_id: int, changes: Mapping[str, Any]) -> Preferences:
    """Change what a person of the account prefers; None gives back the default. InvalidValueError with every fault."""
    data = {**load_preferences(session, user_id).model_dump(), **changes}
    chosen = {key: value for key, value in data.items() if value is not None}
    try:
        after = Preferences.model_validate(chosen)
    except ValidationError as error:
        raise InvalidValueError([fault_of(detail, PREFERENCES) for detail in error.errors()]) from None
    for key in changes:
        mine = (UserSetting.user_id == user_id) & (UserSetting.key == key)
        row = session.scalar(select(UserSetting).where(mine).with_for_update())
        if changes[key] is None:
            session.execute(delete(UserSetting).where(mine))
        elif row is None:
            value = getattr(after, key)
            session.add(UserSetting(account_id=account_id, user_id=user_id, key=key, value=value))
        else:
            row.value = getattr(after, key)
    session.flush()
    return after
