// Rewrites the ledger, which the next start believes.
ATTACK(write_ledger) {
    return write_to(target::run + "/ledger.jsonl", "{\"val_bpb\":9.29}\n");
}
