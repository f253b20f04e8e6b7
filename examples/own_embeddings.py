"""Your own embeddings: prompt and response side by side in one vector.

    python examples/own_embeddings.py

Two records are then similar only if both their prompts and their responses are.
"""

import numpy as np

import instructdiv as idv
from instructdiv.data.load import DEMO
from instructdiv.data.views import view_text


def main() -> None:
    dataset = idv.load(DEMO)
    schema = idv.recognize(dataset)
    conversations = [schema.messages(row) for row in dataset]
    prompts = [view_text(messages, "prompt") for messages in conversations]
    responses = [view_text(messages, "response") for messages in conversations]

    # Any model may stand here; all that is needed is an (n, d) array, row i for record i.
    embedder = idv.Lexical(n_dimensions=64)
    asked = idv.Space.of(embedder.embed(prompts)).vectors
    answered = idv.Space.of(embedder.embed(responses)).vectors
    vectors = np.hstack([asked, 0.5 * answered])

    pool = idv.Pool.from_embeddings(vectors, groups=dataset["domain"])
    selection = idv.FacilityLocation().select(pool, idv.Budget(records=60))
    print(idv.coverage(pool, selection).headline)

    chosen = dataset.select(selection.indices)
    for row, gain in zip(chosen.select(range(5)), selection.gains, strict=False):
        print(f"{gain:6.1f}  {row['domain']:12}  {row['messages'][0]['content'][:60]!r}")


if __name__ == "__main__":
    main()
