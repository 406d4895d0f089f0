"""Series: calendar, quality rules, features, scaling, windows, splits."""
