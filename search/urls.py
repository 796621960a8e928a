"""Addresses of the three sections, and of the page of backups."""

from __future__ import annotations

from django.urls import path

from search import views

app_name = "search"
urlpatterns = [
    path("", views.explore, name="explore"),
    path("compare/", views.compare, name="compare"),
    path("networks/", views.networks, name="networks"),
    path("leaderboard/", views.leaderboard, name="leaderboard"),
    path("tuning/", views.tuning, name="tuning"),
    path("embeddings/", views.embeddings, name="embeddings"),
    path("live/", views.live, name="live"),
    path("saved/", views.saved, name="saved"),
    path("saved/<int:pk>/", views.collection, name="collection"),
    path("backups/", views.backups, name="backups"),
]
