"""The pyfunc model of a bundle: raw rows in, forecasts or scores in the data's units out.

MLflow runs this file when it loads a model ("models from code"), so that nothing is unpickled.
"""

from pathlib import Path

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from pipelines_lib.predict import load_any_bundle, predict_rows


class BundleModel(PythonModel):
    """Serves a forecaster or a detector."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the bundle."""
        self.bundle = load_any_bundle(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict | None = None,
    ) -> pd.DataFrame:
        """Map raw rows (`series_id`, `time`, value columns) to forecasts or scores."""
        return predict_rows(self.bundle, model_input)


set_model(BundleModel())
