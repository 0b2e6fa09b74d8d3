# fetch: verified bytes from a mirror, the cache or the network.


rule fetch:
    output:
        "<results>/downloads/{upstream}",
    log:
        "<results>/logs/fetch/{upstream}.log",
    wildcard_constraints:
        upstream="|".join(re.escape(path.removeprefix(f"{layout.downloads}/")) for path in UPSTREAM),
    retries: 2
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        file=pinned_file,
    shell:
        "python -m crossarch fetch --file {params.file:q} > {log} 2>&1"


# The archive of a real data set from the first of its addresses that has it, whatever it is packed in.
rule archive:
    output:
        "<results>/downloads/real/{dataset}.archive",
    log:
        "<results>/logs/fetch/real/{dataset}.log",
    retries: 2
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        archives=pinned_archives,
    shell:
        "python -m crossarch fetch --real {wildcards.dataset} > {log} 2>&1"
