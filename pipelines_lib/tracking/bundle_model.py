"""The pyfunc model of a bundle: raw rows or texts in, what the model says of them out.

MLflow runs this file when it loads a model ("models from code"), so that nothing is unpickled.
"""

from pathlib import Path

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from pipelines_lib.predict import load_any_bundle, predict_any


class BundleModel(PythonModel):
    """Serves a forecaster, a detector or a classifier."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the bundle."""
        self.bundle = load_any_bundle(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict | None = None,
    ) -> pd.DataFrame:
        """Map raw rows (`series_id`, `time`, value columns), or texts, to what the model says."""
        return predict_any(self.bundle, model_input)


set_model(BundleModel())
