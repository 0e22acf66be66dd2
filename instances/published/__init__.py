"""Published benchmark families, read from their own file formats into plain arrays."""
