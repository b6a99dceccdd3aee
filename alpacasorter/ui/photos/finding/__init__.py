"""Finding photos: the search by name, and the histograms of dates and of how sure the model is."""
