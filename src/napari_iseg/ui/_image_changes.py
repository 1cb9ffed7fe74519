"""An image that gets other pixels while it is worked on: nothing is answered on what is no longer there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iseg.ui._plane_view import full_data, grid_shape

if TYPE_CHECKING:
    from napari_iseg.ui._controller import Controller
    from napari_iseg.ui._project import Project

__all__ = ["follow_pixels"]


def follow_pixels(controller: Controller, project: Project) -> None:
    """Keep the work on an image in step with its pixels, as long as the image is worked on.

    Pixels of the same grid: what is unfinished is asked again with its prompts. Another grid: what was made is kept in
    the layer of finished objects, and work begins anew.

    Parameters
    ----------
    controller
        Whose image it is.
    project
        The work on it.
    """
    image = project.image
    known = grid_shape(image), full_data(image)

    def changed(_event: Any) -> None:
        nonlocal known
        if project not in controller.projects:
            image.events.data.disconnect(changed)
            return
        before, known = known, (grid_shape(image), full_data(image))
        if before[0] != known[0]:
            image.events.data.disconnect(changed)
            _begin_anew(controller, project)
        elif before[1] is not known[1]:
            _ask_again(controller, project)

    image.events.data.connect(changed)


def _ask_again(controller: Controller, project: Project) -> None:
    # A plane that is being read was read from the old pixels: the request is given up with the method's.
    controller.answering.use(controller.answering.choice)
    project.forget_pixels()
    for work in project.works:
        work.ask_anew()
    if controller.project is project:
        controller.prepare()


def _begin_anew(controller: Controller, project: Project) -> None:
    image, shown = project.image, controller.project is project
    controller.answering.use(controller.answering.choice)
    made = project.settle(controller.answering.choice) or project.finished.records
    project.layers.show(visible=False)
    controller.let_go(project)
    if made:
        layer = project.layers.objects.name
        controller.said.emit(
            f"'{image.name}' has another size now; what was made on the image before stays in the layer '{layer}'."
        )
    if shown:
        controller.choose_image(image)
        controller.prepare()
