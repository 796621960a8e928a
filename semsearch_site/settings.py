"""Django settings; the one place that reads the environment (see `.env.example` for every name)."""

from __future__ import annotations

import django_stubs_ext

from gallery.system.home.shipped_files import shipped
from gallery.version import VERSION
from semsearch_site import env as environment
from semsearch_site import logs, site_address

# lets generic classes of Django be annotated, as ModelAdmin[Dataset]
django_stubs_ext.monkeypatch()

BASE_DIR = environment.BASE_DIR
env = environment.reader()

# --- state ------------------------------------------------------------------------------------
SEMSEARCH_HOME = environment.home(env)
HOME_MODE = environment.home_mode(env)
# Django would give uploads and static files the mode 0644 whatever the process says
FILE_UPLOAD_PERMISSIONS = HOME_MODE & 0o666
DEBUG = env.bool("DEBUG", False)
SECRET_KEY = environment.secret_key(env, SEMSEARCH_HOME, debug=DEBUG)
MEDIA_ROOT = SEMSEARCH_HOME / "media"
# our storages put the prefix of the site before both
MEDIA_URL = "/media/"
INDEX_ROOT = SEMSEARCH_HOME / "indexes"
CACHE_ROOT = SEMSEARCH_HOME / "cache"
WEIGHTS_ROOT = SEMSEARCH_HOME / "weights"  # of networks that were downloaded, beside Keras' own folder
MODELS_ROOT = SEMSEARCH_HOME / "models"  # what add_model added
BROKER_ROOT = SEMSEARCH_HOME / "broker"
METRICS_ROOT = SEMSEARCH_HOME / "metrics"
STORAGE_BUCKET = env.str("STORAGE_BUCKET", "")
STORAGE_SIGNED = env.bool("STORAGE_SIGNED", False)

# older homes are brought up to date by whatever starts on them; off: by `manage.py migrate` alone
AUTO_MIGRATE = env.bool("AUTO_MIGRATE", True)
# the page of backups warns when the last one is older; 0: never
BACKUP_DAYS = env.float("BACKUP_DAYS", 7.0)

# --- who may come in --------------------------------------------------------------------------
HOST, PORT = site_address.listens_on(env)
ALLOWED_HOSTS = site_address.host_names(env)
CSRF_TRUSTED_ORIGINS = site_address.listed(env, "CSRF_TRUSTED_ORIGINS")
# a proxy may name another one (`semsearch_site.web.prefixes`)
URL_PREFIX = site_address.prefix(env)
FORCE_SCRIPT_NAME = URL_PREFIX or None
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = f"{URL_PREFIX}/"
OPEN_READING = env.bool("OPEN_READING", True)
CORS_ALLOWED_ORIGINS = site_address.origins(env, "CORS_ORIGINS")
# a page of another site has a token or asks as a stranger: cookies are never for it
CORS_URLS_REGEX = r"^/api/"
CORS_EXPOSE_HEADERS = [
    "ETag",
    "Retry-After",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "X-Request-ID",
]
HTTPS = env.bool("HTTPS", False)
TRUSTED_PROXIES = site_address.listed(env, "TRUSTED_PROXIES")
PROBE_ADDRESSES = site_address.listed(env, "PROBE_ADDRESSES")
AUDIT_KEEP_DAYS = env.int("AUDIT_KEEP_DAYS", 0)
TRASH_DAYS = env.int("TRASH_DAYS", 30)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = env.int("SESSION_DAYS", 14) * 86_400
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_SSL_REDIRECT = HTTPS
# those who ask for these stand beside the server, not behind its proxy; below whatever path it is served
SECURE_REDIRECT_EXEMPT = [r"(^|/)(healthz|readyz|metrics)$"]
SECURE_HSTS_SECONDS = env.int("HSTS_S", 365 * 86_400) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_SUBDOMAINS", False)
# W005, W021: whether a domain's other names speak https too, its owner knows and says with HSTS_SUBDOMAINS
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- limits -----------------------------------------------------------------------------------
MAX_PICTURE_BYTES = env.int("MAX_PICTURE_BYTES", 50 * 2**20)
MAX_PICTURE_PIXELS = env.int("MAX_PICTURE_PIXELS", 300_000_000)
MAX_PICTURE_SIDE = env.int("MAX_PICTURE_SIDE", 65_535)
DECODE_MEMORY_MB = env.int("DECODE_MEMORY_MB", 512)
DECODE_TIMEOUT_S = env.float("DECODE_TIMEOUT_S", 10.0)
DECODE_WAIT_S = env.float("DECODE_WAIT_S", 5.0)
MAX_ARCHIVE_BYTES = env.int("MAX_ARCHIVE_BYTES", 20 * 2**30)
MAX_ARCHIVE_MEMBERS = env.int("MAX_ARCHIVE_MEMBERS", 200_000)
IMPORT_TIMEOUT_S = env.float("IMPORT_TIMEOUT_S", 6 * 3600.0)
SEARCH_THROTTLE = env.str("SEARCH_THROTTLE", "120/min")
UPLOAD_THROTTLE = env.str("UPLOAD_THROTTLE", "120/min")
READ_THROTTLE = env.str("READ_THROTTLE", "240/min")
SIGN_IN_THROTTLE = env.str("SIGN_IN_THROTTLE", "20/min")
MEMBER_THROTTLE_FACTOR = env.int("MEMBER_THROTTLE_FACTOR", 5)
TOKEN_THROTTLE_FACTOR = env.int("TOKEN_THROTTLE_FACTOR", 20)
# of this number only the check of the rates wants to know
WEB_PROCESSES = env.int("WEB_PROCESSES", 1)
MIN_FREE_MB = env.int("MIN_FREE_MB", 256)
DERIVED_FILES_MB = env.int("DERIVED_FILES_MB", 1024)
FETCH_TIMEOUT_S = env.float("FETCH_TIMEOUT_S", 10.0)
FETCH_ALLOW_HOSTS = frozenset(site_address.listed(env, "FETCH_ALLOW_HOSTS"))
QUERY_UPLOADS_HOURS = env.float("QUERY_UPLOADS_HOURS", 24.0)
QUERY_UPLOADS_MB = env.int("QUERY_UPLOADS_MB", 1024)
MAX_RESULTS_PER_PAGE = env.int("MAX_RESULTS_PER_PAGE", 200)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20

# --- what waits, in each web process ----------------------------------------------------------
WEB_THREADS = env.int("WEB_THREADS", 16)
WEB_QUEUE = env.int("WEB_QUEUE", 8 * WEB_THREADS)
WEB_QUEUE_S = env.float("WEB_QUEUE_S", 4.0)
WEB_CONNECTIONS = env.int("WEB_CONNECTIONS", 1000)
HEADER_TIMEOUT_S = env.float("HEADER_TIMEOUT_S", 30.0)
SLOW_CLIENT_GRACE_S = env.float("SLOW_CLIENT_GRACE_S", 30.0)
SLOW_CLIENT_BYTES_S = env.int("SLOW_CLIENT_BYTES_S", 4096)
BODY_MEMORY_BYTES = env.int("BODY_MEMORY_BYTES", 64 * 2**20)
BODY_DISK_BYTES = env.int("BODY_DISK_BYTES", 2**30)
BODY_FOLDER = CACHE_ROOT / "bodies"
# what was counted of rates, by all processes of this machine; of several machines it is in REDIS_URL
RATE_FILE = CACHE_ROOT / "rates"
FETCH_PLACES = env.int("FETCH_PLACES", max(1, WEB_THREADS // 4))
FETCH_QUEUE_S = env.float("FETCH_QUEUE_S", 2.0)

# --- features and search ----------------------------------------------------------------------
FEATURE_ENGINE = env.str("FEATURE_ENGINE", "auto")
ENGINE_THREADS = env.int("ENGINE_THREADS", 0)
CONVERTED_NETWORKS = BASE_DIR / env.str("CONVERTED_NETWORKS", "converted_networks")
EXTRA_NETWORKS = site_address.listed(env, "EXTRA_NETWORKS")
EXTRACT_AT_IMPORT = env.bool("EXTRACT_AT_IMPORT", True)
EXTRACT_BATCH = env.int("EXTRACT_BATCH", 16)
COMPACT_AFTER = env.int("COMPACT_AFTER", 2000)
INDEX_RECALL = env.float("INDEX_RECALL", 0.99)
INDEX_BYTES_PER_VECTOR = env.int("INDEX_BYTES_PER_VECTOR", 128)
CHECK_INDEXES_MB = env.int("CHECK_INDEXES_MB", 64)
INDEX_SHARE_FROM = env.int("INDEX_SHARE_FROM", 2_000_000)
INDEX_BACKEND = env.str("INDEX_BACKEND", "faiss")
MILVUS_URI = env.str("MILVUS_URI", "")
MILVUS_TOKEN = env.str("MILVUS_TOKEN", "")
MILVUS_PREFIX = env.str("MILVUS_PREFIX", "semsearch")
MILVUS_INDEX = env.str("MILVUS_INDEX", "auto")
MILVUS_TIMEOUT_S = env.float("MILVUS_TIMEOUT_S", 10.0)

# --- the parts of Django ----------------------------------------------------------------------
INSTALLED_APPS = [
    "semsearch_site.apps.AdminConfig",  # of django.contrib.admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "semsearch_site",  # its collectstatic is the one that is run
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "gallery",
    "search",
    "benchmarks",
]
# The first ones see every answer, whoever makes it: those of static files too, which WhiteNoise makes.
MIDDLEWARE = [
    "semsearch_site.http.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "semsearch_site.http.middleware.BrowserPoliciesMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "semsearch_site.http.middleware.ApiGzipMiddleware",
    "semsearch_site.http.middleware.ApiETagMiddleware",
    "gallery.access.audit.AuditMiddleware",
    "semsearch_site.http.middleware.OutageMiddleware",
    "semsearch_site.http.middleware.ProbeMiddleware",
    "semsearch_site.http.middleware.ReadableRequestMiddleware",
    "semsearch_site.http.middleware.MethodRefusedMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "gallery.access.gate.Gate",
    "gallery.access.rates.RateMiddleware",
    "semsearch_site.http.middleware.FullDiskMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
if CORS_ALLOWED_ORIGINS:
    INSTALLED_APPS.append("corsheaders")
    # before whatever answers without asking further; behind the one that names the request
    MIDDLEWARE.insert(1, "corsheaders.middleware.CorsMiddleware")
CSRF_FAILURE_VIEW = "semsearch_site.http.error_pages.csrf_failure"
CONTENT_SECURITY_POLICY = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:", "blob:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "manifest-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
    "object-src": ["'none'"],
}
if STORAGE_SIGNED:
    CONTENT_SECURITY_POLICY["img-src"].append(environment.storage_origin(env))
ROOT_URLCONF = "semsearch_site.urls"
WSGI_APPLICATION = "semsearch_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [shipped("templates")],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "semsearch_site.http.context.version",
            ],
        },
    },
]

DATABASES = {"default": environment.database(env, SEMSEARCH_HOME)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STORAGES = {
    "default": environment.image_storage(env, STORAGE_BUCKET),
    "staticfiles": {"BACKEND": "semsearch_site.assets.static.HashedStaticFiles"},
}
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / env.path("STATIC_ROOT", SEMSEARCH_HOME / "static")
STATICFILES_DIRS = [shipped("static")]
WHITENOISE_USE_FINDERS = DEBUG
# what `make docs` builds, shown at /docs/
DOCS_ROOT = shipped("site")

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
AUTHENTICATION_BACKENDS = ["gallery.accounts.password_backend.PasswordBackend"]
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "search:explore"
LOGOUT_REDIRECT_URL = "accounts:sign_in"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

# --- REST -------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "gallery.accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["gallery.access.permissions.ByPolicy"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        f"gallery.api.parsers.{name}" for name in ("JsonParser", "FormParser", "MultiPartParser")
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "gallery.api.negotiation.Negotiation",
    "DEFAULT_METADATA_CLASS": "gallery.api.negotiation.JsonMetadata",
    "DEFAULT_SCHEMA_CLASS": "gallery.api.schema.AnswerSchema",
    "EXCEPTION_HANDLER": "gallery.api.errors.as_response",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "semsearch",
    "DESCRIPTION": "Semantic search over your own images.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["gallery.access.permissions.ByPolicy"],
    "SWAGGER_UI_DIST": "SIDECAR",
    # a link within the button that opens an operation could not be reached by whoever does not see
    "SWAGGER_UI_SETTINGS": {"deepLinking": False},
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    # a file is bytes in what is sent, and an address in what is answered
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "gallery.api.schema.name_server",
    ],
}

# --- Celery -----------------------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", "")
BROKER_SOCKET = environment.socket_path(SEMSEARCH_HOME)
CELERY_BROKER_URL = REDIS_URL or environment.socket_address(BROKER_SOCKET)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Longer than any job: a message is not delivered again while its job runs. When a worker dies, the heartbeat
# of its job tells, within half a minute; the message that comes again a day later finds nothing to do.
# One that is there and says nothing must not hold a request, nor one that is away: kombu would try it for six
# seconds.
_TRIED_AGAIN = {"max_retries": 1, "interval_start": 0.1}
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 86_400,
    "socket_connect_timeout": 1.2,
    "socket_timeout": 1.2,
    **_TRIED_AGAIN,
}
CELERY_TASK_PUBLISH_RETRY_POLICY = _TRIED_AGAIN
TASK_APPLICATION = "semsearch_site.celery"  # by which tasks are sent
# a worker takes from all of them unless it is started with --queues
JOB_QUEUES = ("import", "extract", "index", "project", "schedule")
CELERY_TASK_QUEUES = {name: {"exchange": name, "routing_key": name} for name in JOB_QUEUES}
CELERY_TASK_DEFAULT_QUEUE = "schedule"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", 2)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
WORKER_IDLE_S = env.float("WORKER_IDLE_S", 10.0)
CELERY_BEAT_SCHEDULE = environment.schedule(
    {
        "gallery.tasks.sweep_jobs": 10.0,
        "gallery.tasks.retry_failed_files": env.float("RETRY_FAILED_EVERY_S", 3600.0),
        "gallery.tasks.prune_audit": 86_400.0 if AUDIT_KEEP_DAYS > 0 else 0.0,
        "gallery.tasks.measure_disk": env.float("DISK_MEASURED_EVERY_S", 900.0),
        "search.tasks.compact": env.float("COMPACT_EVERY_S", 300.0),
        "search.tasks.check_indexes": env.float("CHECK_INDEXES_EVERY_S", 10.0),
        "search.tasks.tidy": env.float("TIDY_EVERY_S", 300.0),
        "search.tasks.tune": env.float("TUNE_EVERY_S", 600.0),
        "search.tasks.verify": env.float("VERIFY_EVERY_S", 86_400.0),
    }
)
CELERY_BEAT_SCHEDULER = "semsearch_site.workers.schedule:Scheduler"
CELERY_WORKER_CONSUMER = "semsearch_site.workers.consumer:Consumer"
# a broker whose own disk is full refuses messages: that passes too
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_BEAT_SCHEDULE_FILENAME = str(BROKER_ROOT / "beat-schedule")
CACHES = (
    {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
    if REDIS_URL
    else {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
)

# --- what is logged ---------------------------------------------------------------------------
LOG_FORMAT = environment.log_format(env)
LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
ACCESS_LOG = env.bool("ACCESS_LOG", False)
LOGGING = logs.configured(LOG_FORMAT, LOG_LEVEL)
