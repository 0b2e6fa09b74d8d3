# The environment of every job, for `--sdm apptainer` or by hand; the code itself comes from the checkout.
#
#   docker build --tag crossarch .                     CUDA (the wheels of requirements.lock bring it)
#   docker build --tag crossarch --build-arg TORCH=cpu .
FROM python:3.11.7-slim-bookworm

ARG TORCH=cuda
WORKDIR /tmp/crossarch
COPY requirements.lock .
# Results tell the commit of the checkout, whoever owns that.
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory '*'
# PyTorch's own index has builds without CUDA, of the same versions.
RUN if [ "$TORCH" = cpu ]; then \
        grep -E '^torch(vision)?==' requirements.lock > torch.txt \
        && grep -vE '^(torch|torchvision|triton|nvidia-|cuda-)' requirements.lock > rest.txt \
        && pip install --no-cache-dir --no-deps -r torch.txt --index-url https://download.pytorch.org/whl/cpu \
        && pip install --no-cache-dir --no-deps -r rest.txt; \
    else \
        pip install --no-cache-dir --no-deps -r requirements.lock; \
    fi \
    && pip check \
    && rm -rf /tmp/crossarch
WORKDIR /work
