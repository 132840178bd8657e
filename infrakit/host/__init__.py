"""Facts about a machine -> the steps that prepare it. Nothing here touches one: `machine` is handed in."""
