"""What GitHub answers where it does not do what was asked, with its words."""

from http import HTTPStatus


class Refusal(Exception):
    """Attributes: errors: as GitHub lists them with a 422. headers: beside the usual ones."""

    def __init__(
        self, status: int, message: str, errors: list[dict[str, str]] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.errors, self.headers = status, message, errors or [], headers or {}


class Missing(Refusal):
    """Also what a caller is told who may not know that it is there."""

    def __init__(self, message: str = "Not Found") -> None:
        super().__init__(HTTPStatus.NOT_FOUND, message)


class Forbidden(Refusal):
    def __init__(self, message: str) -> None:
        super().__init__(HTTPStatus.FORBIDDEN, message)


class Unauthorized(Refusal):
    def __init__(self, message: str = "Bad credentials") -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED, message, headers={"WWW-Authenticate": 'Basic realm="GitHub"'})


class Unprocessable(Refusal):
    def __init__(self, *errors: dict[str, str], message: str = "Validation Failed") -> None:
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY, message, list(errors))


def lacking(resource: str, field: str, code: str = "missing_field") -> Unprocessable:
    return Unprocessable({"resource": resource, "field": field, "code": code})


def custom(resource: str, message: str) -> Unprocessable:
    return Unprocessable({"resource": resource, "code": "custom", "message": message})
