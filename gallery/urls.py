"""Addresses of the gallery's pages."""

from __future__ import annotations

from django.urls import path

from gallery import views

app_name = "gallery"
urlpatterns = [
    path("datasets/", views.datasets, name="datasets"),
    path("datasets/<slug:slug>/", views.dataset, name="dataset"),
    path("datasets/<slug:slug>/delete/", views.delete_dataset, name="delete_dataset"),
    path("datasets/<slug:slug>/images/<int:pk>/", views.image, name="image"),
    path("datasets/<slug:slug>/images/<int:pk>/delete/", views.delete_image, name="delete_image"),
    path("bin/", views.bin_page, name="bin"),
    path("bin/images/", views.bin_images, name="bin_images"),
    path("bin/datasets/", views.bin_datasets, name="bin_datasets"),
    path("jobs/", views.jobs, name="jobs"),
    path("jobs/<int:pk>/", views.job, name="job"),
    path("jobs/<int:pk>/failed.csv", views.failed_csv, name="failed_csv"),
    path("media/<path:path>", views.media, name="media"),
]
