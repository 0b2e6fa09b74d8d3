# fetch: verified bytes from a mirror, the cache or the network.


rule fetch:
    output:
        "<results>/downloads/{upstream}",
    log:
        "<results>/logs/fetch/{upstream}.log",
    params:
        file=lambda wildcards, output: UPSTREAM[output[0]].model_dump_json(exclude_none=True),
    localrule: True
    retries: 2
    conda:
        "../envs/workflow.yaml"
    wildcard_constraints:
        upstream="|".join(re.escape(path.removeprefix(f"{layout.downloads}/")) for path in UPSTREAM),
    shell:
        "{CROSSARCH} fetch --file {params.file:q} --results <results> 2> {log}"
