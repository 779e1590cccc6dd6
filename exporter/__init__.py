"""The Lanewatch exporter: what it reads, how it joins the readings, and how it serves them."""
