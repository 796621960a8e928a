"""The pages of accounts: signing in and out, the password, the first account, one's own tokens."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login, views
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.urls import get_script_prefix, reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView, TemplateView
from django.views.generic.base import View

from gallery.access.scopes import Scope
from gallery.accounts import first_account, known_browsers, tokens
from gallery.accounts.forms import ChangePasswordForm, FirstAccountForm, NewTokenForm, SignInForm
from gallery.accounts.lockout import TooManyAttemptsError, account_key
from gallery.models import AccessToken


class WaitsAfterWrongGuesses(View):
    """Answers 429 with the time to wait where there were too many wrong guesses."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer, or say when to try again."""
        try:
            return super().dispatch(request, *args, **kwargs)
        except TooManyAttemptsError as error:
            answer = render(request, "accounts/wait.html", {"error": error}, status=error.status)
            answer["Retry-After"] = str(error.retry_after_s)
            return answer


class SignIn(WaitsAfterWrongGuesses, views.LoginView):
    """The page to sign in on; it leads back to where somebody came from."""

    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form, or send on who is signed in already."""
        where = self.get_success_url()
        # the admin would only send back who may not use it
        refused = where.startswith(reverse("admin:index")) and not request.user.is_staff
        if request.user.is_authenticated and not refused and where != request.path:
            return HttpResponseRedirect(where)
        return super().get(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Sign in, and know this browser from now on."""
        answer = super().form_valid(form)
        known_browsers.remember(self.request, answer, account_key(form.get_user().get_username()))
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, object]:
        """Say whether there is an account to sign in to."""
        return super().get_context_data(**kwargs) | {"first_account": first_account.is_needed()}


class AdminSignIn(SignIn):
    """The admin's address to sign in at: the page is the site's; a form that is sent here does the same."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Lead to the page, with the whole address that was asked for."""
        where = self.get_redirect_url() or reverse("admin:index")
        return HttpResponseRedirect(reverse("accounts:sign_in", query={"next": where}))


class ChangePassword(WaitsAfterWrongGuesses, views.PasswordChangeView):
    """The page to change one's password on; every other session of the account ends."""

    template_name = "accounts/password.html"
    form_class = ChangePasswordForm
    success_url = reverse_lazy("accounts:password_changed")

    def get_form_kwargs(self) -> dict[str, object]:
        """Tell the form who asks."""
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        """Store the new password and, where that is wanted, end the tokens."""
        answer = super().form_valid(form)
        if form.cleaned_data["end_tokens"]:
            tokens.revoke_all(form.user)
        return answer


class PasswordChanged(LoginRequiredMixin, TemplateView):
    """Says that the password is another one."""

    template_name = "accounts/password_changed.html"


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class FirstAccount(WaitsAfterWrongGuesses, FormView[FirstAccountForm]):
    """The page that makes the first account; once there is one, it leads to the page to sign in on."""

    template_name = "accounts/first.html"
    form_class = FirstAccountForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer as long as it is needed."""
        if not first_account.is_needed():
            return redirect("accounts:sign_in")
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, object]:
        """Tell the form who asks."""
        return super().get_form_kwargs() | {"request": self.request}

    def form_valid(self, form: FirstAccountForm) -> HttpResponse:
        """Make the account and sign in."""
        try:
            user = form.save()
        except first_account.WrongCodeError as error:
            form.add_error("code", error.detail)
            return self.form_invalid(form)
        login(self.request, user)
        answer = redirect(resolve_url("accounts:sign_in"))
        known_browsers.remember(self.request, answer, account_key(user.get_username()))
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, object]:
        """Say whether there is a code to ask for."""
        return super().get_context_data(**kwargs) | {"has_code": first_account.has_code()}


@method_decorator(never_cache, name="dispatch")
class Tokens(LoginRequiredMixin, FormView[NewTokenForm]):
    """The page of one's own tokens: those there are, and a form for another, which is shown once."""

    template_name = "accounts/tokens.html"
    form_class = NewTokenForm

    def form_valid(self, form: NewTokenForm) -> HttpResponse:
        """Make the token and show it in this answer, the only one that has it."""
        owner = _signed_in(self.request)
        values = form.cleaned_data
        try:
            made, text = tokens.make_token(owner, values["name"], values["scopes"], form.days())
        except tokens.TooManyTokensError as error:
            form.add_error(None, error.detail)
            return self.form_invalid(form)
        shown = {"made": made, "text": text, "example": _example(self.request, made, text)}
        return self.render_to_response(self.get_context_data(form=NewTokenForm(), **shown))

    def get_context_data(self, **kwargs: Any) -> dict[str, object]:
        """List the tokens."""
        return super().get_context_data(**kwargs) | {"tokens": _signed_in(self.request).access_tokens.all()}


@method_decorator(never_cache, name="dispatch")
class RevokeToken(LoginRequiredMixin, TemplateView):
    """Asks whether a token of one's own shall end, and ends it."""

    template_name = "accounts/token_revoke.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, object]:
        """Name the token."""
        return super().get_context_data(**kwargs) | {"token": self._token()}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """End it."""
        tokens.revoke(self._token())
        return redirect("accounts:tokens")

    def _token(self) -> AccessToken:
        return get_object_or_404(_signed_in(self.request).access_tokens, pk=self.kwargs["pk"])


def _signed_in(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the views ask for it
    return request.user


def _example(request: HttpRequest, token: AccessToken, text: str) -> str:
    """Return a command that uses a token for what it may do."""
    header = f'curl -H "Authorization: Token {text}"'
    api = request.build_absolute_uri(f"{get_script_prefix()}api/v1/")
    if Scope.READ in token.scopes:
        return f"{header} {api}datasets/"
    if Scope.SEARCH in token.scopes:
        return f"{header} -F file=@image.jpg {api}search/"
    return f"{header} -F dataset=SLUG -F file=@image.jpg {api}images/"
