"""City, district, subdistrict, community, grid: codes, polygons, look-up, datums."""
