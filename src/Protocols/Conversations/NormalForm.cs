namespace OrleansGateway.Protocols.Conversations;

/// <summary>The form that conversations have whichever protocol they came in.</summary>
public static class NormalForm
{
    /// <summary>Makes consecutive turns of one role one, puts a user's tool results first, and leaves out empty texts and turns.</summary>
    public static IReadOnlyList<Turn> Of(IEnumerable<Turn> turns)
    {
        ArgumentNullException.ThrowIfNull(turns);
        var merged = new List<Turn>();
        foreach (var turn in turns)
        {
            var parts = turn.Parts.Where(static part => part is not TextPart { Text: "" }).ToList();
            if (parts.Count == 0)
            {
                continue;
            }

            if (merged.Count > 0 && merged[^1].Role == turn.Role)
            {
                parts.InsertRange(0, merged[^1].Parts);
                merged.RemoveAt(merged.Count - 1);
            }

            merged.Add(turn with { Parts = parts });
        }

        return [.. merged.Select(static turn => turn.Role == Role.User ? turn with { Parts = [.. turn.Parts.OrderBy(static part => part is not ToolResultPart)] } : turn)];
    }
}
