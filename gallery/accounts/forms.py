"""Forms of accounts: signing in, the password, the first account, a new token."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, BaseUserCreationForm, PasswordChangeForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from gallery.access.scopes import Scope
from gallery.accounts import first_account, lockout, tokens

SCOPE_SENTENCES = {
    Scope.READ: "Look at datasets, images, jobs and results.",
    Scope.SEARCH: "Search, also with images of its own.",
    Scope.WRITE: "Add, label and delete images and datasets, and have things computed.",
    Scope.ADMIN: "Cancel and retry jobs, and change what live search uses.",
}
FOR_EVER = "never"
LIFETIMES = {"30": "30 days", "90": "90 days", str(tokens.DAYS): "A year", FOR_EVER: "Until I revoke it"}


class SiteFields(forms.BaseForm):
    """Gives the fields of a form the look of the site."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field.widget, forms.TextInput | forms.PasswordInput | forms.Select):
                field.widget.attrs["class"] = "input"


class SignInForm(SiteFields, AuthenticationForm):
    """Name and password of an account."""

    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": "Name and password do not belong together. Capitals matter in both."
    }


class ChangePasswordForm(SiteFields, PasswordChangeForm):
    """The password an account has, the one it shall have, and whether its tokens end with it."""

    end_tokens = forms.BooleanField(
        label="Revoke my tokens too",
        required=False,
        initial=True,
        help_text="Programs that use them are locked out until they get new ones.",
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request = request

    def clean_old_password(self) -> str:
        """Check it as a sign-in does. Raises: TooManyAttemptsError."""
        guess = lockout.begin(lockout.password_limits(self._request, self.user.get_username()))
        try:
            given: str = super().clean_old_password()
        except ValidationError:
            guess.was_wrong()
            raise
        guess.was_right()
        return given


class FirstAccountForm(SiteFields, BaseUserCreationForm):  # type: ignore[type-arg]
    """The code that `serve` has printed, and the account to make; nothing is told without the right code."""

    code = forms.CharField(
        max_length=40, widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True})
    )
    field_order = ["code", "username", "password1", "password2"]

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request = request
        self.fields["username"].widget.attrs.pop("autofocus", None)

    def clean_code(self) -> str:
        """Check the code. Raises: TooManyAttemptsError."""
        given: str = self.cleaned_data["code"]
        try:
            first_account.check_code(self._request, given)
        except first_account.WrongCodeError as error:
            raise ValidationError(error.detail) from error
        return given

    def _post_clean(self) -> None:
        if "code" in self.cleaned_data:
            super()._post_clean()  # type: ignore[misc]

    def save(self, commit: bool = True) -> User:
        """Store the account, which may do everything. Raises: WrongCodeError when another was faster."""
        user: User = super().save(commit=False)
        first_account.make(user, self.cleaned_data["code"])
        return user


class NewTokenForm(SiteFields, forms.Form):
    """A token to make."""

    name = forms.CharField(max_length=100, help_text="What it is for, so that you know it again.")
    scopes = forms.MultipleChoiceField(
        label="It may",
        choices=[(scope.value, sentence) for scope, sentence in SCOPE_SENTENCES.items()],
        initial=[Scope.READ.value, Scope.SEARCH.value],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose what it may be used for."},
        help_text="It can never do more than you may yourself.",
    )
    lifetime = forms.ChoiceField(label="It ends", choices=list(LIFETIMES.items()), initial=str(tokens.DAYS))

    def clean_scopes(self) -> list[Scope]:
        """Return what was chosen."""
        return [Scope(name) for name in self.cleaned_data["scopes"]]

    def days(self) -> int | None:
        """Return for how many days, None for ever."""
        chosen: str = self.cleaned_data["lifetime"]
        return None if chosen == FOR_EVER else int(chosen)
