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
        options=options_of_commands,
        file=pinned_file,
    shell:
        "python -m crossarch {params.options} fetch --file {params.file:q} > {log} 2>&1"


# Where a real data set lies: in a data root, else as the archive from the first address that has it.
rule real_set:
    output:
        "<results>/downloads/real/{dataset}.json",
    log:
        "<results>/logs/fetch/real/{dataset}.log",
    retries: 2
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        options=options_of_commands,
        archives=pinned_archives,
    shell:
        "python -m crossarch {params.options} fetch --real {wildcards.dataset} --output {output} > {log} 2>&1"
