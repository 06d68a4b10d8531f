"""Nothing personal on any disk, in any output; and one person told or erased on demand."""
