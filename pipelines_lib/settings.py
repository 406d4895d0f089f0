"""Where a run happens: folders, servers, device, deadlines. Read from TIDEWATCH_* variables."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of this process; `Settings()` reads the environment anew."""

    model_config = SettingsConfigDict(env_prefix="TIDEWATCH_", frozen=True, extra="forbid")

    home: Path = Field(
        Path(".tidewatch"),
        description="Folder of everything a default run keeps: lake, MLflow, Prefect, reports.",
    )
    lake_uri: str = Field("", description="Lake: a folder or object-store URI; empty: HOME/lake.")
    mlflow_uri: str = Field(
        "", description="MLflow tracking URI; empty: the SQLite file HOME/mlflow/mlflow.db."
    )
    mlflow_page: str = Field(
        "",
        description="Address of MLflow's page, for links; empty: TIDEWATCH_MLFLOW_URI where that "
        "is a server. `tidewatch up` sets it.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Device of training and inference; auto: a GPU where there is one."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe log lines that are shown."
    )
    connect_timeout_s: float = Field(
        5.0, gt=0, description="Seconds to wait for a source to accept a connection."
    )
    read_timeout_s: float = Field(
        30.0, gt=0, description="Seconds to wait for the next bytes of a source's answer."
    )
    answer_timeout_s: float = Field(
        120.0, gt=0, description="Seconds within which a source's whole answer must have come."
    )
    attempts: int = Field(
        4, ge=1, le=10, description="Times that a request is sent whose fault may pass."
    )
    requests_per_second: float = Field(
        4.0, gt=0, description="Requests a second to one source, over all tasks together."
    )
    parallel_requests: int = Field(
        4, ge=1, le=32, description="Requests to a source that are under way at the same time."
    )
    night_grace_minutes: int = Field(
        180,
        ge=0,
        le=10_080,
        description="Minutes after it was due by which a scheduled run must have ended well; "
        "later `tidewatch status` calls the night absent.",
    )
    fdr_mirror: str = Field(
        "",
        description="Base URL asked instead of FinanceDataReader's hosts, as MIRROR/HOST/PATH; "
        "empty: the hosts themselves.",
    )

    alert_block: str = Field(
        "",
        description="Prefect notification block that alerts go to, as TYPE/NAME, for instance "
        "slack-webhook/nights; empty: none.",
    )
    alert_webhook: SecretStr = Field(
        SecretStr(""),
        description="Address that alerts are POSTed to as JSON, instead of a block; empty: none.",
    )

    @field_validator("alert_webhook")
    @classmethod
    def _check_webhook(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not value.get_secret_value().startswith(
            ("http://", "https://")
        ):
            raise ValueError("begins with neither https:// nor http://")
        return value

    @property
    def home_dir(self) -> Path:
        """Return the home folder as an absolute path."""
        return self.home.expanduser().resolve()

    @property
    def lake_location(self) -> str:
        """Return the lake's URI, the default filled in."""
        return self.lake_uri or str(self.home_dir / "lake")

    @property
    def mlflow_dir(self) -> Path:
        """Return the folder of the default MLflow database and artifacts."""
        return self.home_dir / "mlflow"

    @property
    def mlflow_location(self) -> str:
        """Return the MLflow tracking URI, the default filled in."""
        return self.mlflow_uri or f"sqlite:///{self.mlflow_dir / 'mlflow.db'}"

    @property
    def reports_dir(self) -> Path:
        """Return the folder of the HTML reports."""
        return self.home_dir / "reports"

    @property
    def checkpoints_dir(self) -> Path:
        """Return the folder of unfinished trainings."""
        return self.home_dir / "checkpoints"

    @property
    def studies_dir(self) -> Path:
        """Return the folder of the searches' studies."""
        return self.home_dir / "studies"

    @property
    def turns_dir(self) -> Path:
        """Return the folder of the locks that runs of this machine take turns by."""
        return self.home_dir / "turns"

    @property
    def jobs_dir(self) -> Path:
        """Return the folder of the jobs that runs have stored."""
        return self.home_dir / "jobs"
