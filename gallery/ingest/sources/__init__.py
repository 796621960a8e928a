"""What images come from: folders, archives, and the labels that lie beside them; entry by entry, safely."""
