using System.Globalization;
using System.Text;
using OrleansGateway.Protocols.Conversations;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Tests.Unit.Architecture;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols.Conversations;

public sealed class FeaturesTests
{
    [Fact]
    public void All_EachFeature_HasItsRow() => Assert.Equal(Enum.GetValues<Feature>(), Features.All.Select(row => row.Feature));

    /// <summary><c>PROTOCOLS_DOC=write</c> writes it anew.</summary>
    [Fact]
    public void Document_OfFeatures_IsMadeOfTheTable() => MadeDocument.AssertIs("protocols.md", Document(), "PROTOCOLS_DOC");

    private static string Document()
    {
        var text = new StringBuilder(
            """
            # From one protocol to another

            A client's protocol and a provider's need not be the same. Where they are, bytes pass through, changed only where they must be. All
            customers of a channel are one account to its provider: it is told to keep nothing of theirs (`store` goes on as false to Responses, and
            is left out where it is true of Chat Completions, with its `metadata`, and of Gemini), and ids of what it keeps are a 404. Where they differ,
            text, turns, system prompts, pictures, tool definitions, tool calls and their results, tool choice, stop sequences,
            temperature, output limits, the reasons why an answer ended, usage and errors are translated both ways, streamed or not. What else a
            request uses, and not every protocol has:

            - **kept**: it is said there in its own way.
            - **dropped**: it is left out; its protocol calls it a hint, or the answer is as good without.
            - **refused**: a 400 names the field; what its client was not given is a 404.

            The table is made of `src/Protocols/Conversations/Features.cs`.

            | | provider speaks Chat Completions | Anthropic's Messages | Gemini |
            | --- | --- | --- | --- |

            """.ReplaceLineEndings("\n"));
        foreach (var row in Features.All)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {row.Says} | {Say(WireFormats.Chat)} | {Say(WireFormats.Messages)} | {Say(WireFormats.Gemini)} |\n");

            string Say(string format) => Features.Of(row.Feature, format).ToString().ToLowerInvariant();
        }

        return text.ToString();
    }
}
