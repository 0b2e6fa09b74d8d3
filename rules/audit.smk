# audit: what each distilled set is like, and whether it lives in the space that the configuration says.


rule audit_set:
    input:
        unpack(audit_inputs),
    output:
        json="<results>/audit/{source}/{dataset}/ipc{ipc}.json",
        sheet=report(
            "<results>/audit/{source}/{dataset}/ipc{ipc}.png",
            caption="../report/sheet.rst",
            category="Audit",
            labels={"set": "{source}, {dataset}, IPC {ipc}"},
        ),
    log:
        "<results>/logs/audit/{source}/{dataset}/ipc{ipc}.log",
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=whitening_memory,
    params:
        options=options_of_commands,
        code=stage_digest("audit"),
    shell:
        "python -m crossarch {params.options} audit {wildcards.source} {wildcards.dataset} {wildcards.ipc} > {log} 2>&1"


rule audit:
    input:
        lambda wildcards: chosen_audits(),
    output:
        report(
            "<results>/audit/audit.csv",
            caption="../report/audit.rst",
            category="Audit",
            labels={"set": "all"},
        ),
        "<results>/audit/audit.md",
    log:
        "<results>/logs/audit/audit.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        options=options_of_commands,
        selection=SELECTION,
        code=stage_digest("audit"),
    shell:
        "python -m crossarch {params.options} audit --summary > {log} 2>&1"
