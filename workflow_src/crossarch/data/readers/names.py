"""What published files call images, labels and learned learning rates, in lower case."""

IMAGES = (
    *("images", "image", "imgs", "image_syn", "images_syn", "syn_images", "x_proto", "x_syn"),
    *("x_distill", "x", "data"),
)
LABELS = (
    *("labels", "label", "targets", "target", "label_syn", "labels_syn", "syn_labels", "y_proto"),
    *("y_syn", "y_distill", "y", "soft_labels"),
)
RATES = ("lr", "syn_lr", "lr_syn", "learned_lr", "learning_rate")
KNOWN = frozenset({*IMAGES, *LABELS, *RATES})
