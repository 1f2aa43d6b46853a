using System.Globalization;
using System.Text;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Edge.Fronts.Anthropic;
using OrleansGateway.Edge.Fronts.Gemini;
using OrleansGateway.Edge.Fronts.OpenAI;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Tests.Unit.Architecture;
using Xunit;

namespace OrleansGateway.Tests.Unit.Edge.Pipeline;

public sealed class ErrorListTests
{
    /// <summary>The protocols that clients speak.</summary>
    private static readonly (string Title, IFront Front)[] Fronts =
        [("OpenAI", new OpenAIFront()), ("Anthropic", new AnthropicFront()), ("Gemini", new GeminiFront())];

    [Fact]
    public void All_EachKind_HasItsPlace()
    {
        Assert.Equal(Enum.GetValues<ErrorKind>(), ErrorList.All.Select(entry => entry.Kind));
        Assert.All(ErrorList.All, entry => Assert.InRange(entry.Status, 400, 599));
    }

    /// <summary><c>ERRORS_DOC=write</c> writes it anew.</summary>
    [Fact]
    public void Document_OfErrors_IsMadeOfTheList() => MadeDocument.AssertIs("errors.md", Document(), "ERRORS_DOC");

    private static string Document()
    {
        var text = new StringBuilder(
            """
            # Errors

            Every error of the relay, from the one list in the code (`src/Edge/Pipeline/ErrorList.cs`). An error has the shape of the protocol that
            the client speaks. `retry-after` and `retry-after-ms` say when another try can succeed; `x-should-retry` tells SDKs whether to repeat by
            themselves where the status alone would mislead them. A `code` of "the provider's" is passed on where it tells nothing of its account.

            """.ReplaceLineEndings("\n"));
        foreach (var (title, front) in Fronts)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n| status | type | code | when | charged |\n| --- | --- | --- | --- | --- |\n");
            foreach (var entry in ErrorList.All)
            {
                var (status, type, code) = front.ErrorOf(new ApiError(entry.Kind, ""));
                var shown = code is not null ? $"`{code}`" : front is AnthropicFront ? "" : entry.Kind == ErrorKind.InvalidRequest ? "the protocol's" : "the provider's";
                text.Append(CultureInfo.InvariantCulture, $"| {status} | `{type}` | {shown} | {entry.When} | {Charge(entry.Charged)} |\n");
            }
        }

        return text.ToString();
    }

    private static string Charge(Charged charged) => charged switch
    {
        Charged.No => "no",
        Charged.WhatCame => "before the first byte no; in the middle of a stream what had come",
        _ => "what a client had got of a stream; else paid back",
    };
}
