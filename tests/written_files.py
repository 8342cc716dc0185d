"""Files that an analysis, or a measurement of labels, writes when nobody says which."""

MEASURED = {
    "contacts.csv",
    "grains.csv",
    "grains.geojson",
    "grains.parquet",
    "intergrowths.csv",
    "liberation.csv",
    "locking.csv",
    "modal.csv",
    "result.json",
    "sieves.csv",
    "sizes.csv",
}
ANALYSED = MEASURED | {
    "confidence.png",
    "labels.ome.tif",
    "labels.png",
    "overlay.jpg",
    "provenance.json",
}
