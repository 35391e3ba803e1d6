"""The seven stages, in the order content passes through them: importing this package makes the engine know them."""

from stages.keywords_to_clusters import KeywordsToClusters as KeywordsToClusters  # noqa: I001 - in the stages' own order
from stages.clusters_to_ideas import ClustersToIdeas as ClustersToIdeas
from stages.ideas_to_tasks import IdeasToTasks as IdeasToTasks
from stages.tasks_to_content import TasksToContent as TasksToContent
from stages.content_to_prompts import ContentToPrompts as ContentToPrompts
from stages.prompts_to_images import PromptsToImages as PromptsToImages
from stages.review_to_approved import ReviewToApproved as ReviewToApproved
