"""Stage 3, Ideas → Tasks: every idea becomes a row to write; a slice at once, inside the database."""

from __future__ import annotations

from sqlalchemy import literal, select, update
from sqlalchemy.orm import Session

from pipeline.contract import Produced, Stage, Subjects
from pipeline.core.states import IdeaStatus
from pipeline.models import ContentTask, Idea
from pipeline.models.inserting import insert_missing


class IdeasToTasks(Stage[Idea, None]):
    """Accepts ideas for writing."""

    key = "ideas_to_tasks"
    subject = Idea
    waits_as = IdeaStatus.NEW

    def keep(self, session: Session, subjects: Subjects[Idea], answer: None) -> Produced:  # noqa: ARG002 - nothing was asked
        """Three statements for any number of ideas; an idea that has its row already keeps it."""
        site = subjects.site
        waiting = (Idea.site_id == site.id, Idea.status == IdeaStatus.NEW, Idea.id.in_(subjects.ids))
        # In the order inputs are taken in, so that rows are written in it later.
        ideas = (
            select(literal(site.account_id), Idea.site_id, Idea.id, Idea.title)
            .where(*waiting)
            .order_by(Idea.times_tried, Idea.id)
        )
        session.execute(
            insert_missing(session, ContentTask).from_select(["account_id", "site_id", "idea_id", "title"], ideas)
        )
        queued = update(Idea).where(*waiting).values(status=IdeaStatus.QUEUED)
        session.execute(queued, execution_options={"synchronize_session": False})
        tasks = select(ContentTask.idea_id, ContentTask.id).where(ContentTask.idea_id.in_(subjects.ids))
        return {idea_id: [task_id] for idea_id, task_id in session.execute(tasks)}
